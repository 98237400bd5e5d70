package enginetest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

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

// dispose ends a result.
func dispose(t *testing.T, r engines.Result) {
	t.Helper()
	if err := r.Dispose(t.Context()); err != nil {
		t.Error(err)
	}
}

// text is a file's, "" where there is none.
func text(t *testing.T, path string) string {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return string(got)
}

// volumesComeBack: one run after another has the volume, and may change what the ones before left.
func volumesComeBack(t *testing.T, c Case) {
	engine, source := c.New(t), volume(t)
	for i, act := range []Act{
		{Make: Make{Files: map[string]string{"v/new": "1\n", "v/deep/er/file": "1\n"}, Links: map[string]string{"v/link": "nowhere"}}},
		{Say: Say{Read: "v/new"}, Make: Make{Files: map[string]string{"v/new": "2\n", "v/old": "2\n", "v/deep/er/more": "2\n"}}},
		{Say: Say{Read: "v/new"}, Make: Make{Files: map[string]string{"v/new": "3\n", "v/deep/er/more": "3\n"}}},
	} {
		run := c.newRun(t, engine, c.payload(t, act))
		result := wait(t, launch(t, run.mount(t, engines.Mount{Source: source, Target: "v"})))
		if s := result.Status(); !s.Success {
			t.Errorf("run %d: %+v: %s", i, s, run.output(t))
		}
		dispose(t, result)
		dispose(t, result)
	}
	for name, want := range map[string]string{"new": "3\n", "old": "2\n", "deep/er/file": "1\n", "deep/er/more": "3\n"} {
		if got := text(t, filepath.Join(source, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if to, err := os.Readlink(filepath.Join(source, "link")); to != "nowhere" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}

// volumesGiven: what is the run's alone does not come back, whether it was used or not.
func volumesGiven(t *testing.T, c Case) {
	engine := c.New(t)
	for _, discard := range []bool{false, true} {
		folder := volume(t)
		file := filepath.Join(open(t), "file")
		if err := os.WriteFile(file, []byte("text\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run := c.newRun(t, engine, c.payload(t, Act{Say: Say{Read: "a/file"}, Make: Make{Files: map[string]string{"a/file": "x", "b/old": "x"}}}))
		builder := run.mount(t, engines.Mount{Source: file, Target: "a/file", Given: true}, engines.Mount{Source: folder, Target: "b", Given: true})
		if discard {
			if err := builder.Discard(t.Context()); err != nil {
				t.Error(err)
			}
		} else {
			result := wait(t, launch(t, builder))
			if got := run.output(t); got != "text\n" || !result.Status().Success {
				t.Errorf("%+v: %q", result.Status(), got)
			}
			dispose(t, result)
		}
		for _, path := range []string{folder, file} {
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("discarded %v: %s is left: %v", discard, path, err)
			}
		}
	}
}

func volumesNested(t *testing.T, c Case) {
	outer, inner := volume(t), volume(t)
	run := c.begin(t, Act{Say: Say{Read: "v/in/side/old"}, Make: Make{Files: map[string]string{"v/in/side/new": "inner\n", "v/in/new": "outer\n"}}})
	result := wait(t, launch(t, run.mount(t, engines.Mount{Source: outer, Target: "v"}, engines.Mount{Source: inner, Target: "v/in/side"})))
	if s := result.Status(); !s.Success {
		t.Errorf("%+v: %s", s, run.output(t))
	}
	dispose(t, result)
	for path, want := range map[string]string{
		filepath.Join(inner, "new"): "inner\n", filepath.Join(inner, "old"): "kept\n",
		filepath.Join(outer, "in", "new"): "outer\n", filepath.Join(outer, "in", "side", "new"): "",
	} {
		if got := text(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// volumesRefused: the task is red, and says where it cannot have a volume; the volume is as it was.
func volumesRefused(t *testing.T, c Case) {
	source := volume(t)
	run := c.begin(t, Act{})
	builder := run.mount(t, engines.Mount{Source: volume(t), Target: "taken"})
	mounter, _ := builder.(engines.Mounter)
	for _, m := range []engines.Mount{
		{Source: source, Target: "taken"},
		{Source: source, Target: "taken/old"},
		{Source: source, Target: "taken/old/er"},
		{Source: source, Target: "."},
		{Source: source, Target: "taken", Given: true},
	} {
		err := mounter.Mount(t.Context(), m)
		if task.Resolve(err) != task.Failed || !strings.Contains(err.Error(), m.Target) {
			t.Errorf("mount at %s: %v", m.Target, err)
		}
	}
	result := wait(t, launch(t, builder))
	if s := result.Status(); !s.Success {
		t.Errorf("%+v", s)
	}
	dispose(t, result)
	if got := text(t, filepath.Join(source, "old")); got != "kept\n" {
		t.Errorf("the volume holds %q", got)
	}
}
