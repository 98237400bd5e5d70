//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"

	"github.com/workerkit/workerkit/local/localtest"
)

const backing = "public/logs/live_backing.log"

// TestResolutions runs the real program against tasks that end in every way that their
// commands and payloads decide.
func TestResolutions(t *testing.T) {
	m := newMachine(t, map[string]any{"capacity": 4})
	cases := []struct {
		name    string
		payload map[string]any
		want    string
		log     []string
	}{
		{"success", sh("echo hello"), "completed", []string{"\nhello\n", "=== Task Finished ==="}},
		{"failure", sh("exit 3", "echo never"), "failed", []string{"Exit Code: 3", "[taskcluster:error] exit status 3"}},
		{"missing command", map[string]any{"command": [][]string{{"/no/such/program"}}}, "failed", []string{"[taskcluster:error]"}},
		{"intermittent", with(sh("exit 7"), "onExitStatus", map[string]any{"retry": []int{7}}), "intermittent-task", []string{"appears to have failed intermittently - exit code 7"}},
		{"malformed", map[string]any{"command": "echo"}, "malformed-payload", []string{"TASK FAIL since the task payload is invalid. See errors:", "- payload.command"}},
		{"unknown property", with(sh("true"), "image", "x"), "malformed-payload", []string{`payload.image: payloads of docker-worker`, `d2gConfig.enableD2G`}},
		{"too long", with(sh("sleep 60"), "maxRunTime", 1), "failed", []string{"Aborting task...", "max run time exceeded"}},
		{"more than allowed", with(sh("true"), "maxRunTime", 100000), "malformed-payload", []string{"maxRunTime"}},
		{"missing artifact", with(sh("true"), "artifacts", []any{map[string]any{"type": "file", "path": "gone"}}), "failed", []string{"gone"}},
	}
	ids := make([]string, len(cases))
	for i, c := range cases {
		ids[i] = m.create(c.payload)
	}
	p := m.start()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := *m
			m.t = t
			m.resolved(ids[i], 0, c.want)
			log := m.artifact(ids[i], 0, backing)
			contains(t, log, c.log...)
			if strings.Contains(log, "never\n") || strings.Contains(log, "draft-07") {
				t.Errorf("the log says too much:\n%s", log)
			}
		})
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.exits(exitDrained)
}

// TestLogForm compares a log with what today's program writes.
func TestLogForm(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1})
	id := m.create(sh("printf no-newline"))
	m.start().exits(exitEnough)
	form := `^(P   ?.*\n)*P=== Task Starting ===\nPExecuting command 0: /bin/sh -c 'printf no-newline'\nno-newline\n` +
		`P {23}Exit Code: 0\nP {23}User Time: \S+\nP {21}Kernel Time: \S+\nP {23}Wall Time: \S+\n(P +\w[\w ]+ System Memory[\w ]*: \S+ GiB\n)*P {26}Result: SUCCEEDED\n` +
		`P=== Task Finished ===\nPTask Duration: \S+\n$`
	form = strings.ReplaceAll(form, "P   ?.*", `P.*`)
	form = strings.ReplaceAll(form, "P", `\[taskcluster \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] `)
	form = strings.ReplaceAll(form, `\[taskcluster \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] eak`, "Peak")
	log := m.artifact(id, 0, backing)
	if !regexp.MustCompile(form).MatchString(log) {
		t.Errorf("the log has another form:\n%s", log)
	}
	contains(t, log, "] Worker Type (tests/pool) settings:\n", `]     "generic-worker": {`, `]         "capacity": 1`, `]       "engine": "insecure",`, "] Task ID: "+id+"\n")
}

// TestCallsOfATask counts what a task without artifacts costs.
func TestCallsOfATask(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1})
	id := m.create(sh("true"))
	m.start().exits(exitEnough)
	m.resolved(id, 0, "completed")
	counts := m.counts()
	total := counts["queue.claimWork"] + counts["queue.createArtifact"] + counts["queue.reportCompleted"] + counts["queue.reclaimTask"] + counts["queue.finishArtifact"]
	for name, n := range counts {
		if strings.HasPrefix(name, "blob.") {
			total += n
		}
	}
	if total != 6 {
		t.Errorf("%d calls, want 6: %v", total, counts)
	}
}

func TestArtifacts(t *testing.T) {
	for _, object := range []bool{false, true} {
		m := newMachine(t, map[string]any{"numberOfTasksToRun": 1, "createObjectArtifacts": object})
		payload := with(sh("mkdir -p out/d; echo a > out/a.txt; echo '{}' > out/d/b.json"), "artifacts", []any{
			map[string]any{"type": "directory", "path": "out", "name": "public/out"},
			map[string]any{"type": "file", "path": "out/a.txt", "name": "public/a.txt"},
		})
		id := m.create(payload)
		m.start().exits(exitEnough)
		m.resolved(id, 0, "completed")
		for name, want := range map[string]string{"public/out/a.txt": "a\n", "public/out/d/b.json": "{}\n", "public/a.txt": "a\n"} {
			if object { // an object needs a download of its own kind, which the queue's listing shows
				continue
			}
			if got := m.artifact(id, 0, name); got != want {
				t.Errorf("%s is %q", name, got)
			}
		}
		list, err := m.queue().ListArtifacts(id, "0", "", "")
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]string{}
		for _, a := range list.Artifacts {
			kinds[a.Name] = a.StorageType
		}
		want := "s3"
		if object {
			want = "object"
		}
		for _, name := range []string{"public/a.txt", "public/out/d/b.json", backing} {
			if kinds[name] != want {
				t.Errorf("%s is stored as %q, want %s", name, kinds[name], want)
			}
		}
		if kinds["public/logs/live.log"] != "link" {
			t.Errorf("the live log is a %q", kinds["public/logs/live.log"])
		}
	}
}

// TestTaskThatEmptiesItsDirectory: the worker's own files are not among the task's.
func TestTaskThatEmptiesItsDirectory(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1})
	id := m.create(with(sh("echo before; ls -A; rm -rf ./* ./.[!.]*; echo x > kept; echo after"), "artifacts", []any{
		map[string]any{"type": "directory", "path": ".", "name": "public/all"},
	}))
	m.start().exits(exitEnough)
	m.resolved(id, 0, "completed")
	contains(t, m.artifact(id, 0, backing), "] === Task Starting ===\n", "\nbefore\nafter\n", "] === Task Finished ===\n")
	list, err := m.queue().ListArtifacts(id, "0", "", "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range list.Artifacts {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	if want := []string{"public/all/kept", "public/logs/live.log", backing}; !slices.Equal(names, want) {
		t.Errorf("the artifacts are %v, want %v", names, want)
	}
	if left, err := os.ReadDir(filepath.Join(m.dir, "tasks")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestCancelled: the queue tells only by refusing to prolong the claim.
func TestCancelled(t *testing.T) {
	m := newMachine(t, nil, localtest.ClaimTimeout(4*time.Second))
	pidFile := filepath.Join(m.dir, "pid")
	id := m.create(sh("echo $$ > " + pidFile + ".new; mv " + pidFile + ".new " + pidFile + "; trap '' TERM; sleep 60"))
	p := m.start()
	var pid int
	until(t, "the task runs", func() bool {
		text, _ := os.ReadFile(pidFile)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	if _, err := m.queue().CancelTask(id); err != nil {
		t.Fatal(err)
	}
	until(t, "the worker has let go", func() bool { return strings.Contains(p.stderr.String(), "taskFinish") })
	m.resolved(id, 0, "canceled")
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the task's process goes on: %v", err)
	}
	for _, c := range m.Calls() {
		if strings.HasPrefix(c.Method, "report") {
			t.Errorf("a run that was cancelled was reported by %s", c.Method)
		}
	}
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	p.exits(exitInterrupted)
}

func TestDeadlineExceeded(t *testing.T) {
	m := newMachine(t, nil, localtest.ClaimTimeout(4*time.Second))
	id := m.create(sh("sleep 60"), func(d *tcqueue.TaskDefinitionRequest) {
		d.Deadline = tcclient.Time(time.Now().Add(2 * time.Second))
	})
	p := m.start()
	until(t, "the worker has let go", func() bool { return strings.Contains(p.stderr.String(), "taskFinish") })
	m.resolved(id, 0, "deadline-exceeded")
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.exits(exitDrained)
}

// TestReclaim: a task outlives its first claims.
func TestReclaim(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1}, localtest.ClaimTimeout(3*time.Second))
	id := m.create(sh("sleep 5"))
	m.start().exits(exitEnough)
	m.resolved(id, 0, "completed")
	if n := m.counts()["queue.reclaimTask"]; n < 2 || n > 4 {
		t.Errorf("%d reclaims", n)
	}
}

// TestTerminated: SIGTERM gives the task back, and nothing of it goes on.
func TestTerminated(t *testing.T) {
	m := newMachine(t, nil)
	id := m.create(sh("sleep 60"))
	p := m.start()
	until(t, "the task runs", func() bool { return strings.Contains(p.stderr.String(), "taskStart") })
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.exits(exitDrained)
	m.resolved(id, 0, "worker-shutdown")
	if got := m.reason(id, 1); got != "pending" {
		t.Errorf("the next run is %s", got)
	}
	contains(t, m.artifact(id, 0, backing), "[taskcluster:error] Aborting task...")
}

// TestInterrupted: an interrupt lets the task finish.
func TestInterrupted(t *testing.T) {
	m := newMachine(t, nil)
	id := m.create(sh("sleep 1; echo done"))
	p := m.start()
	until(t, "the task runs", func() bool { return strings.Contains(p.stderr.String(), "taskStart") })
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	p.exits(exitInterrupted)
	m.resolved(id, 0, "completed")
}
