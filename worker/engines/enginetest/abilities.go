package enginetest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

// abilities are the cases about what an engine may have. What it has not is the business of lacks.
func abilities() []check {
	return []check{
		{"volumes", volumes},
		{"volumes of many runs", volumesApart},
		{"proxies", proxies},
		{"shells", shells},
		{"shells end with the commands", shellsEnd},
	}
}

// volume is a folder of the worker with a file.
func volume(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(open(t), "volume")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "old"), []byte("kept\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mount asks the builder of a run for volumes.
func (r *run) mount(t *testing.T, mounts ...engines.Mount) engines.Builder {
	t.Helper()
	builder := r.build(t)
	mounter, ok := builder.(engines.Mounter)
	if !ok {
		if err := builder.Discard(t.Context()); err != nil {
			t.Error(err)
		}
		t.Skip("this engine has no volumes")
	}
	for _, m := range mounts {
		if err := mounter.Mount(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	return builder
}

func volumes(t *testing.T, c Case) {
	source, fixed := volume(t), volume(t)
	run := c.begin(t,
		Act{Say: Say{Read: "a/b/old"}, Make: Make{Files: map[string]string{"a/b/new": "made\n"}}},
		Act{Say: Say{Read: "fixed/old"}}, Act{Make: Make{Files: map[string]string{"fixed/new": "x"}}})
	sandbox := launch(t, run.mount(t, engines.Mount{Source: source, Target: "a/b"}, engines.Mount{Source: fixed, Target: filepath.Join(run.Dir, "fixed"), ReadOnly: true}))
	result := wait(t, sandbox)
	if s := result.Status(); s.ExitCode != failed {
		t.Errorf("writing to what can only be read: %+v", s)
	}
	if got := readFile(t, result, "a/b/new"); got != "made\n" {
		t.Errorf("through the result: %q", got)
	}
	if err := result.Dispose(t.Context()); err != nil {
		t.Error(err)
	}
	for dir, want := range map[string]string{source: "made\n", fixed: ""} {
		old, oldErr := os.ReadFile(filepath.Join(dir, "old"))
		text, _ := os.ReadFile(filepath.Join(dir, "new"))
		if string(old) != "kept\n" || oldErr != nil || string(text) != want {
			t.Errorf("the volume holds %q (%v) and %q, want %q", old, oldErr, text, want)
		}
	}
	if got := run.output(t); !strings.Contains(got, "kept\nkept\n") {
		t.Errorf("output %q", got)
	}
}

// volumesApart: a volume is seen by its own run alone, and nothing is left when that is discarded.
func volumesApart(t *testing.T, c Case) {
	engine, source := c.New(t), volume(t)
	with := c.newRun(t, engine, c.payload(t, Act{}))
	without := c.newRun(t, engine, c.payload(t, Act{Say: Say{Read: "v/old"}}))
	builder := with.mount(t, engines.Mount{Source: source, Target: "v"})
	if s := wait(t, without.start(t)).Status(); s.Success {
		t.Error("another run has the volume")
	}
	if err := builder.Discard(t.Context()); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(filepath.Join(with.Dir, "v")); len(entries) > 0 {
		t.Errorf("after Discard the volume is mounted: %v", entries)
	}
}

func proxies(t *testing.T, c Case) {
	run := c.begin(t, Act{Say: Say{Get: "$HELLO/a/b"}})
	builder := run.build(t)
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
	if err != nil {
		t.Fatal(err)
	}
	if err := builder.Setenv("HELLO", url); err != nil {
		t.Fatal(err)
	}
	wait(t, launch(t, builder))
	if got := run.output(t); got != "200 hello from /a/b\n" {
		t.Errorf("the reply of %s/a/b: %q", url, got)
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
