//go:build unix

package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/local/localtest"
)

// welcome says the runner's first words.
func (p *process) welcome(capabilities ...string) {
	p.say(protocol.Message{Type: "welcome", Capabilities: capabilities})
}

func (p *process) say(m protocol.Message) {
	p.t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.stdin.Write([]byte("~" + string(data) + "\n")); err != nil {
		p.t.Fatal(err)
	}
}

// heard are the messages of one type that the worker has sent.
func (p *process) heard(kind string) []protocol.Message {
	var all []protocol.Message
	for line := range strings.SplitSeq(p.stdout.String(), "\n") {
		var m protocol.Message
		if rest, ok := strings.CutPrefix(line, "~"); ok && json.Unmarshal([]byte(rest), &m) == nil && m.Type == kind {
			all = append(all, m)
		}
	}
	return all
}

// logged is the worker's log as the runner gets it.
func (p *process) logged() string {
	var all strings.Builder
	for _, m := range p.heard(protocol.Log) {
		var body struct{ TextPayload string }
		if json.Unmarshal(m.Body, &body) == nil {
			all.WriteString(body.TextPayload + "\n")
		}
	}
	return all.String()
}

// TestRunnerEndsTheWorker: gently, not gently, without saying which, and by going away.
func TestRunnerEndsTheWorker(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		end  func(*process)
		want string
	}{
		"finish":            {func(p *process) { p.say(protocol.Message{Type: protocol.GracefulTermination, FinishTasks: &yes}) }, "completed"},
		"abort":             {func(p *process) { p.say(protocol.Message{Type: protocol.GracefulTermination, FinishTasks: &no}) }, "worker-shutdown"},
		"not said":          {func(p *process) { p.say(protocol.Message{Type: protocol.GracefulTermination}) }, "worker-shutdown"},
		"no time to finish": {func(p *process) { p.say(protocol.Terminate(true, time.Now().Add(30*time.Second))) }, "worker-shutdown"},
		"runner dies":       {func(p *process) { _ = p.stdin.Close() }, "worker-shutdown"},
		"changes its mind": {func(p *process) {
			p.say(protocol.Message{Type: protocol.GracefulTermination, FinishTasks: &yes})
			p.say(protocol.Message{Type: protocol.GracefulTermination, FinishTasks: &no})
		}, "worker-shutdown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, nil)
			id := m.create(sh("sleep 2"))
			p := m.start("--with-worker-runner")
			p.welcome(protocol.All()...)
			until(t, "the task runs", func() bool { return strings.Contains(p.logged(), "taskStart") })
			c.end(p)
			p.exits(exitDrained)
			m.resolved(id, 0, c.want)
			if len(p.heard(protocol.Shutdown)) > 0 {
				t.Error("a machine shutdown was asked for")
			}
			if text := p.stderr.String(); text != "" {
				t.Errorf("not all of the log went to the runner:\n%s", text)
			}
		})
	}
}

// TestRunnerIsGoneBeforeTheStart: nothing is claimed.
func TestRunnerIsGoneBeforeTheStart(t *testing.T) {
	m := newMachine(t, nil)
	id := m.create(sh("true"))
	p := m.start("--with-worker-runner")
	_ = p.stdin.Close()
	p.exits(exitDrained)
	if got := m.reason(id, 0); got != "pending" || m.counts()["queue.claimWork"] > 0 {
		t.Errorf("the task is %s after %v", got, m.counts())
	}
}

// TestNewCredentials: those of the file are wrong, the runner's are used by the next call.
func TestNewCredentials(t *testing.T) {
	m := newMachine(t, map[string]any{"accessToken": "wrong-" + strconv.Itoa(os.Getpid()), "numberOfTasksToRun": 1})
	id := m.create(sh("true"))
	p := m.start("--with-worker-runner")
	p.welcome(protocol.NewCredentials, protocol.Log)
	until(t, "the first claim is refused", func() bool { return strings.Contains(p.logged(), "claimWork failed") })
	p.say(protocol.Message{Type: protocol.NewCredentials, ClientID: "incomplete"})
	p.say(protocol.Credentials(m.ClientID, secret.New(m.AccessToken), secret.String{}))
	p.exits(exitEnough)
	m.resolved(id, 0, "completed")
}

// TestErrorReport: what is wrong with the configuration is told to worker-manager.
func TestErrorReport(t *testing.T) {
	m := newMachine(t, map[string]any{"capacity": 0})
	p := m.start("--with-worker-runner")
	p.welcome(protocol.All()...)
	p.exits(exitInvalid)
	reports := p.heard(protocol.ErrorReport)
	if len(reports) != 1 {
		t.Fatalf("%d reports", len(reports))
	}
	r := reports[0]
	if r.Kind != "worker-error" || r.Title != "generic-worker error" {
		t.Errorf("reported %+v", r)
	}
	contains(t, r.Description, "capacity must be at least 1")
	contains(t, string(r.Extra), `"workerType":"pool"`, `"capacity":"0"`)
}

// TestNothingIsToldThatWasNotAgreed: a runner that knows little gets no message that it does not know.
func TestNothingIsToldThatWasNotAgreed(t *testing.T) {
	m := newMachine(t, map[string]any{"requiredDiskSpaceMegabytes": 1 << 30})
	p := m.start("--with-worker-runner")
	p.welcome(protocol.GracefulTermination)
	p.exits(exitInternal)
	if got := p.stdout.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"hello"`) {
		t.Errorf("said %q", got)
	}
	contains(t, p.stderr.String(), "not enough disk space")
}

// TestSecondSignal: the first one waits for the claimWork in flight, the second one does not.
func TestSecondSignal(t *testing.T) {
	m := newMachine(t, nil, localtest.LongPoll(time.Minute))
	p := m.start()
	until(t, "the worker is ready", func() bool { return strings.Contains(p.stderr.String(), "workerReady") })
	time.Sleep(100 * time.Millisecond) // the poll begins right after
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	until(t, "the signal is heard", func() bool { return strings.Contains(p.stderr.String(), "stopping") })
	id := m.create(sh("true"))
	p.exits(exitDrained)
	m.resolved(id, 0, "worker-shutdown")

	p = m.start() // takes the second run; then it waits
	m.resolved(id, 1, "completed")
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.exits(exitInterrupted)
}

// TestRestarts: the number of tasks is counted over restarts, and no slot takes one too many.
func TestRestarts(t *testing.T) {
	for _, capacity := range []int{1, 4} {
		const tasks = "tasks[1*" // no pattern, although it looks like one
		m := newMachine(t, map[string]any{"numberOfTasksToRun": 5, "capacity": capacity, "tasksDir": tasks})
		var ids []string
		for range 7 {
			ids = append(ids, m.create(sh("sleep 0.1")))
		}
		if err := os.WriteFile(filepath.Join(m.dir, counterFile), []byte("2"), 0o600); err != nil {
			t.Fatal(err)
		}
		old := filepath.Join(m.dir, tasks, "task_old", "deep")
		for _, dir := range []string{old, filepath.Join(m.dir, tasks, "own_task_old"), filepath.Join(m.dir, tasks, "owned")} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(old, 0); err != nil {
			t.Fatal(err)
		}
		m.start().exits(exitEnough)
		completed := 0
		for _, id := range ids {
			if m.reason(id, 0) == "completed" {
				completed++
			}
		}
		if completed != 3 {
			t.Errorf("capacity %d: %d tasks were run", capacity, completed)
		}
		if left, err := os.ReadDir(filepath.Join(m.dir, tasks)); err != nil || len(left) != 1 || left[0].Name() != "owned" {
			t.Errorf("left: %v, %v", left, err)
		}
		before := len(m.Calls())
		m.start().exits(exitEnough) // there is nothing to do any more
		if after := len(m.Calls()); after != before {
			t.Errorf("%d calls of a worker that has run all its tasks", after-before)
		}
	}
}

func TestIdle(t *testing.T) {
	m := newMachine(t, map[string]any{"idleTimeoutSecs": 1})
	begin := time.Now()
	m.start().exits(exitIdle)
	if took := time.Since(begin); took < time.Second {
		t.Errorf("ended after %v", took)
	}
}

// TestStatusFile: it exists while tasks run, says which, and nothing else.
func TestStatusFile(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1})
	id := m.create(sh("sleep 1"))
	path := filepath.Join(m.dir, "tmp", "worker-status.json")
	victim := filepath.Join(m.dir, "victim")
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	p := m.start()
	var text []byte
	until(t, "the status", func() bool {
		text, _ = os.ReadFile(path)
		return len(text) > 0
	})
	if want := `{"currentTaskIds":["` + id + `"]}` + "\n"; string(text) != want {
		t.Errorf("status %s, want %s", text, want)
	}
	p.exits(exitEnough)
	if _, err := os.Lstat(path); err == nil {
		t.Error("the status file is left")
	}
	if _, err := os.Lstat(victim); err == nil {
		t.Error("a symbolic link was followed")
	}
}

// TestSecrets looks for the credentials and for signed URLs in everything that a worker, its
// tasks and its files show to others. Of the process list it takes the worker and the task: other
// programs of the machine, a compiler with a file of local/blob, are not the worker's saying.
func TestSecrets(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 3, "certificate": ""})
	ids := []string{
		m.create(with(sh("env; ps -o args -p $PPID,$$; echo x > a.txt"), "artifacts", []any{map[string]any{"type": "file", "path": "a.txt", "name": "public/a.txt"}})),
		m.create(sh("exit 1")),
		m.create(map[string]any{"command": 1}),
	}
	p := m.start("--with-worker-runner")
	p.welcome(protocol.All()...)
	p.exits(exitEnough)
	said := map[string]string{"stdout": p.stdout.String(), "stderr": p.stderr.String(), "argv": strings.Join(p.cmd.Args, " ")}
	for _, id := range ids {
		said["log of "+id] = m.artifact(id, 0, backing)
		contains(t, said["log of "+id], "=== Task Starting ===")
	}
	err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			var data []byte
			data, err = os.ReadFile(path)
			said[path] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range said {
		for _, hidden := range []string{m.AccessToken, "accessToken", "bewit=", "sig=", "Signature=", "signature=", "/blob/"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s holds %q:\n%s", where, hidden, text)
			}
		}
	}
}

// TestRunnerGone: when the runner dies, nobody reads the worker's output any more, which must not
// end the worker before its tasks are handed back.
func TestRunnerGone(t *testing.T) {
	m := newMachine(t, nil)
	id := m.create(sh("sleep 30"))
	p := m.start("--with-worker-runner")
	p.welcome(protocol.All()...)
	until(t, "the task runs", func() bool { return strings.Contains(p.logged(), "taskStart") })
	broken := func() error { return io.ErrClosedPipe }
	p.stdout.gate.Store(&broken)
	p.say(protocol.Message{Type: "so that the worker writes"})
	_ = p.stdin.Close()
	p.exits(exitDrained)
	m.resolved(id, 0, "worker-shutdown")
}

// TestRunnerStuck: a runner that does not read holds up nothing.
func TestRunnerStuck(t *testing.T) {
	m := newMachine(t, nil)
	id := m.create(sh("sleep 30"))
	p := m.start("--with-worker-runner")
	p.welcome(protocol.All()...)
	until(t, "the task runs", func() bool { return strings.Contains(p.logged(), "taskStart") })
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	stuck := func() error { <-release; return nil }
	p.stdout.gate.Store(&stuck)
	for range 400 { // more than pipes hold
		p.say(protocol.Message{Type: strings.Repeat("x", 1000)})
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "the worker ends", func() bool { return p.cmd.Process.Signal(syscall.Signal(0)) != nil })
	free()
	p.exits(exitDrained)
	m.resolved(id, 0, "worker-shutdown")
}
