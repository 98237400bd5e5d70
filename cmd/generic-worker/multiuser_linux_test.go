package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// newMultiuser is a machine whose worker runs tasks as accounts of their own. Its folder is one that
// everybody can look at, as a careless operator may make it.
func newMultiuser(t *testing.T, config map[string]any) *machine {
	t.Helper()
	config["workerkit"] = map[string]any{"engine": "multiuser"}
	m := newMachine(t, config)
	code, public, stderr := call(&off{}, "new-ed25519-keypair", "--file", filepath.Join(m.dir, "key"))
	if code != 0 {
		t.Fatal(stderr)
	}
	m.public = public
	for dir := m.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// leftovers is what is left of accounts and their directories.
func leftovers(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "task_") {
			left = append(left, strings.TrimSpace(line))
		}
	}
	for _, pattern := range []string{"task_*", "own_*", "home_*"} {
		found, _ := filepath.Glob("/home/" + pattern)
		left = append(left, found...)
	}
	return left
}

func TestMultiuser(t *testing.T) {
	if !inside(t) {
		return
	}
	m := newMultiuser(t, map[string]any{"headlessTasks": true, "capacity": 2, "numberOfTasksToRun": 6})
	const look = `id -un; echo mine > file; echo $HOME; cat "$0"/worker.config "$0"/workerkit-journal/* /home/own_task_*/* /home/task_*/file`
	var ids []string
	for range 5 {
		payload := with(sh(strings.ReplaceAll(look, "$0", m.dir)), "artifacts", []any{map[string]any{"type": "file", "path": "file", "name": "public/file"}})
		ids = append(ids, m.create(payload))
	}
	stolen := m.create(with(sh("ln -s "+m.dir+"/worker.config link"), "artifacts", []any{map[string]any{"type": "file", "path": "link", "name": "public/stolen"}}))
	m.start().exits(exitEnough)
	users := map[string]bool{}
	for _, id := range ids {
		m.resolved(id, 0, "failed") // for all that it could not read
		log := m.artifact(id, 0, backing)
		dir := "/home/task_" + id[:13] + "_0"
		contains(t, log, "\n"+dir+"\n", `"engine": "multiuser"`, `"headlessTasks": true`, "cat: "+m.dir+"/worker.config: Permission denied\n")
		_, log, _ = strings.Cut(log, "Executing command 0")
		if strings.Contains(log, m.AccessToken) || strings.Count(log, "mine\n") > 1 {
			t.Errorf("the task has read what is not its own:\n%s", log)
		}
		users[strings.Split(log, "\n")[1]] = true
		if got := m.artifact(id, 0, "public/file"); got != "mine\n" {
			t.Errorf("artifact %q", got)
		}
	}
	if len(users) != len(ids) {
		t.Errorf("%d tasks ran as %v", len(ids), users)
	}
	m.resolved(stolen, 0, "failed")
	if got := m.artifact(stolen, 0, "public/stolen"); strings.Contains(got, m.AccessToken) {
		t.Error("the worker gave its configuration away")
	}
	if left := leftovers(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A worker that is killed leaves a task's processes, account and directories; the next one ends them.
func TestMultiuserAfterAKill(t *testing.T) {
	if !inside(t) {
		return
	}
	m := newMultiuser(t, map[string]any{"headlessTasks": true, "numberOfTasksToRun": 1})
	id := m.create(sh("setsid sleep 1000 & echo $! > pid; while :; do sleep 1; done"))
	p := m.start()
	path := "/home/task_" + id[:13] + "_0/pid"
	until(t, "the task runs", func() bool { text, _ := os.ReadFile(path); return len(text) > 0 })
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if len(leftovers(t)) == 0 {
		t.Error("a worker that was killed has cleaned up")
	}
	delete(m.config, "numberOfTasksToRun")
	again := m.start()
	m.resolved(id, 0, "worker-shutdown")
	until(t, "the retry runs", func() bool { return m.reason(id, 1) == "running" })
	if err := again.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	again.exits(exitDrained)
	until(t, "nothing is left", func() bool { return len(leftovers(t)) == 0 })
}

// TestDesktopMode goes through a machine's boots: at each one task runs, in the session of an account
// of its own. The programs that would say whose session it is are stand-ins.
func TestDesktopMode(t *testing.T) {
	if !inside(t) {
		return
	}
	const gdm3 = "/etc/gdm3"
	if err := os.MkdirAll(gdm3, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gdm3+"/custom.conf", []byte("[daemon]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := newMultiuser(t, map[string]any{"disableReboots": true})
	bin := t.TempDir()
	if err := os.WriteFile(bin+"/loginctl", []byte("#!/bin/sh\n[ $1 = show-seat ] && echo c1 || cat "+bin+"/session\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	m.start().exits(exitReboot)
	for range 2 {
		var next struct{ Name, Password string }
		text, err := os.ReadFile(filepath.Join(m.dir, "next-task-user.json"))
		if err != nil || json.Unmarshal(text, &next) != nil || next.Password == "" {
			t.Fatalf("next-task-user.json: %s, %v", text, err)
		}
		conf, _ := os.ReadFile(gdm3 + "/custom.conf")
		contains(t, string(conf), "AutomaticLogin="+next.Name+"\n")
		if err := os.WriteFile(bin+"/session", []byte(next.Name), 0o644); err != nil { // the machine boots
			t.Fatal(err)
		}
		first, second := m.create(with(sh("id -un; echo $DISPLAY"), "env", map[string]string{"DISPLAY": ":7"})), m.create(sh("true"))
		m.start().exits(exitReboot)
		m.resolved(first, 0, "completed")
		contains(t, m.artifact(first, 0, backing), "\n"+next.Name+"\n:0\n")
		if got := m.reason(second, 0); got != "pending" {
			t.Errorf("the second task is %s before the reboot", got)
		}
		if _, err := m.queue().CancelTask(second); err != nil {
			t.Fatal(err)
		}
	}
}

// Without the way to a session tasks are not run in another way than asked for.
func TestDesktopModeWithoutADesktop(t *testing.T) {
	if !inside(t) {
		return
	}
	m := newMultiuser(t, map[string]any{"headlessTasks": false})
	p := m.start()
	p.exits(exitInvalid)
	contains(t, p.stderr.String(), "set headlessTasks to true")
}

// TestSharedTasksDir: the second worker is told, and the first goes on.
func TestSharedTasksDir(t *testing.T) {
	tasks := t.TempDir()
	m := newMachine(t, map[string]any{"tasksDir": tasks})
	first := m.start()
	until(t, "the first worker claims", func() bool { return m.counts()["queue.claimWork"] > 0 })
	other := newMachine(t, map[string]any{"tasksDir": tasks})
	second := other.start()
	second.exits(exitInvalid)
	contains(t, second.stderr.String(), "tasksDir: another worker has "+tasks)
	_ = first.cmd.Process.Signal(syscall.SIGTERM)
	first.exits(exitDrained)
	third := other.start() // its folder is free now
	until(t, "the other worker claims", func() bool { return other.counts()["queue.claimWork"] > 0 })
	_ = third.cmd.Process.Signal(syscall.SIGTERM)
	third.exits(exitDrained)
}

// TestHomesThatAreOpen: what is wrong with the configuration has the code for that.
func TestHomesThatAreOpen(t *testing.T) {
	if !inside(t) {
		return
	}
	const tasks = "/home/tasks"
	if err := os.Mkdir(tasks, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(tasks, 0o777); err != nil {
		t.Fatal(err)
	}
	p := newMultiuser(t, map[string]any{"headlessTasks": true, "tasksDir": tasks}).start()
	p.exits(exitInvalid)
	contains(t, p.stderr.String(), "chmod it to 755")
}

// TestSignalBeforeTheFirstClaim: a worker that waits for a desktop's session obeys too.
func TestSignalBeforeTheFirstClaim(t *testing.T) {
	if !inside(t) {
		return
	}
	for _, err := range []error{os.MkdirAll("/etc/gdm3", 0o755), os.WriteFile("/etc/gdm3/custom.conf", []byte("[daemon]\n"), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m := newMultiuser(t, map[string]any{"headlessTasks": false, "disableReboots": true})
	m.start().exits(exitReboot) // an account was made, which nobody will log in here
	p := m.start()
	until(t, "the worker waits", func() bool { return strings.Contains(p.stderr.String(), "waiting for the session") })
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.exits(exitDrained)
}
