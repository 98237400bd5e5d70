package enginetest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// abilities are the cases about what an engine may have. What it has not is the business of lacks.
func abilities() []check {
	return []check{
		{"volumes", volumes},
		{"volumes of many runs", volumesApart},
		{"volumes come back", volumesComeBack},
		{"volumes that are given", volumesGiven},
		{"volumes within volumes", volumesNested},
		{"volumes where something is", volumesRefused},
		{"proxies", proxies},
		{"proxies are one run's", proxiesApart},
		{"shells", shells},
		{"the size of a terminal", resizes},
		{"shells end with all that they started", shellsClose},
		{"shells end with the commands", shellsEnd},
		{"groups that there are not", groups},
	}
}

// proxy asks the builder of a run for a proxy, which says hello.
func proxy(t *testing.T, builder engines.Builder) (url string) {
	t.Helper()
	proxier, ok := builder.(engines.Proxier)
	if !ok {
		if err := builder.Discard(t.Context()); err != nil {
			t.Error(err)
		}
		t.Skip("this engine has no proxies")
	}
	url, err := proxier.Proxy(t.Context(), "hello", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from %s", r.URL.Path)
	}))
	if err == nil {
		err = builder.Setenv("HELLO", url)
	}
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func proxies(t *testing.T, c Case) {
	run := c.begin(t, Act{Say: Say{Get: "$HELLO/a/b"}})
	builder := run.build(t)
	url := proxy(t, builder)
	wait(t, launch(t, builder))
	if got := run.output(t); got != "200 hello from /a/b\n" {
		t.Errorf("the reply of %s/a/b: %q", url, got)
	}
}

// proxiesApart: another run does not reach the proxy, nor does the worker, which fetches what payloads
// name, nor anybody when the commands have ended.
func proxiesApart(t *testing.T, c Case) {
	if runtime.GOOS != "linux" && !c.Isolated {
		t.Skip("who makes a connection cannot be known on this system")
	}
	engine := c.New(t)
	run := c.newRun(t, engine, c.payload(t, Act{Pid: "pid", Sleep: time.Hour}))
	builder := run.build(t)
	url := proxy(t, builder)
	sandbox := launch(t, builder)
	run.pid(t)
	other := c.newRun(t, engine, c.payload(t, Act{Say: Say{Get: url}}))
	wait(t, other.start(t))
	if got := other.output(t); strings.Contains(got, "hello from") {
		t.Errorf("another run got %q", got)
	}
	if reply, err := http.Get(url); err == nil { //nolint:noctx // a test
		if reply.StatusCode != http.StatusForbidden {
			t.Errorf("the worker got %s", reply.Status)
		}
		_ = reply.Body.Close()
	}
	kill(t, sandbox, 0)
	wait(t, sandbox)
	if reply, err := http.Get(url); err == nil { //nolint:noctx // a test
		t.Errorf("after the end: %s", reply.Status)
		_ = reply.Body.Close()
	}
}

// shell starts a further command in a sandbox.
func (c Case) shell(t *testing.T, s engines.Sandbox, act Act, terminal bool) engines.Shell {
	t.Helper()
	sheller, ok := s.(engines.Sheller)
	if !ok {
		kill(t, s, 0)
		wait(t, s)
		t.Skip("this engine has no shells")
	}
	shell, err := sheller.Shell(t.Context(), act.command(c.program), terminal)
	if errors.Is(err, engines.ErrNotSupported) {
		kill(t, s, 0)
		wait(t, s)
		t.Skipf("shells with a terminal (%v): %v", terminal, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return shell
}

func shells(t *testing.T, c Case) {
	for _, terminal := range []bool{false, true} {
		run := c.begin(t, Act{Pid: "pid", Sleep: time.Hour})
		sandbox := run.start(t, [2]string{"ENGINETEST", "here"})
		run.pid(t)
		shell := c.shell(t, sandbox, Act{Say: Say{Env: []string{"ENGINETEST"}, Where: true}, Exit: 7}, terminal)
		if err := shell.Resize(100, 30); err != nil {
			t.Error(err)
		}
		text, _ := io.ReadAll(shell) // a terminal may end with an error
		code, err := shell.Wait(t.Context())
		if got := strings.Fields(string(text)); code != 7 || err != nil || !slices.Equal(got, []string{"ENGINETEST=here", run.Dir}) {
			t.Errorf("terminal %v: %q, exit code %d, %v", terminal, text, code, err)
		}
		_ = shell.Close() // may have ended
		kill(t, sandbox, 0)
		wait(t, sandbox)
		if got := run.output(t); got != "" {
			t.Errorf("a shell's output is in the log: %q", got)
		}
	}
}

func resizes(t *testing.T, c Case) {
	run := c.begin(t, Act{Sleep: time.Hour})
	sandbox := run.start(t)
	shell := c.shell(t, sandbox, Act{Say: Say{Line: true, Size: true}}, true)
	if err := shell.Resize(100, 30); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(shell, "go\n"); err != nil {
		t.Error(err)
	}
	if text, _ := io.ReadAll(shell); !strings.Contains(string(text), "100x30") {
		t.Errorf("the terminal is %q", text)
	}
	if err := errors.Join(shell.Close(), shell.Resize(1, 1)); err != nil {
		t.Error(err)
	}
	kill(t, sandbox, 0)
	wait(t, sandbox)
}

func shellsClose(t *testing.T, c Case) {
	run := c.begin(t, Act{Pid: "pid", Sleep: time.Hour})
	sandbox := run.start(t)
	own := run.pid(t)
	for _, terminal := range []bool{false, true} {
		if err := os.Remove(filepath.Join(run.Dir, "pid")); err != nil {
			t.Fatal(err)
		}
		shell := c.shell(t, sandbox, Act{Deaf: true, Leave: &Act{Deaf: true, Pid: "pid", Sleep: time.Hour}, Sleep: time.Hour}, terminal)
		pid := run.pid(t)
		for range 2 {
			if err := shell.Close(); err != nil {
				t.Error(err)
			}
		}
		c.dead(t, "what a shell started", pid)
		if !c.Alive(own) {
			t.Error("the commands ended with a shell")
		}
	}
	kill(t, sandbox, 0)
	wait(t, sandbox)
}

func groups(t *testing.T, c Case) {
	builder := c.begin(t, Act{}).build(t)
	if grouper, ok := builder.(engines.Grouper); ok {
		err := grouper.Join(t.Context(), []string{"no-such-group"})
		if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), "no-such-group") {
			t.Errorf("joined: %v", err)
		}
		if err := grouper.Join(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	if err := builder.Discard(t.Context()); err != nil {
		t.Error(err)
	}
}

func shellsEnd(t *testing.T, c Case) {
	run := c.begin(t, Act{Sleep: time.Hour})
	sandbox := run.start(t)
	shell := c.shell(t, sandbox, Act{Deaf: true, Pid: "pid", Sleep: time.Hour}, false)
	pid := run.pid(t)
	kill(t, sandbox, 0)
	wait(t, sandbox)
	c.dead(t, "a shell", pid)
	_ = shell.Close() // has ended
}
