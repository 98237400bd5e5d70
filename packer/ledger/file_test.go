package ledger_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
)

func noon(minute int) time.Time { return time.Date(2026, 5, 1, 12, minute, 0, 0, time.UTC) }

func built(image, version string, target packer.Target) ledger.Build {
	return ledger.Build{
		Image: image, Version: version, Target: target, Made: noon(0), Definition: "sha256:d-" + version,
		Artifacts: []record.Artifact{{Region: "r", ID: fmt.Sprintf("id-%s-%s-%s", image, version, target)}},
	}
}

func of(t *testing.T, builds ...ledger.Build) *ledger.Ledger {
	t.Helper()
	l := &ledger.Ledger{}
	for _, b := range builds {
		if err := l.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func path(t *testing.T) string { return filepath.Join(t.TempDir(), ledger.FileName) }

func save(t *testing.T, path string, l *ledger.Ledger) string {
	t.Helper()
	if err := ledger.Save(path, l); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNoFileIsAnEmptyLedger(t *testing.T) {
	l, err := ledger.Load(path(t))
	if err != nil || len(l.Builds) != 0 || len(l.Channels) != 0 {
		t.Errorf("got %+v, %v", l, err)
	}
	if text := save(t, path(t), l); text != "{\n  \"builds\": [],\n  \"channels\": {}\n}\n" {
		t.Errorf("got %q", text)
	}
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	b := built("a", "1", packer.AWS)
	gone := noon(9)
	b.Parts, b.Deleted, b.Revoked = map[string]string{"files": "x<&>"}, &gone, &ledger.Revocation{At: noon(8), Reason: "<old>"}
	b.Tests = []ledger.Test{{Name: "boot aws", Passed: true, At: noon(7)}}
	l := of(t, b, built("a", "1", packer.GCP))
	l.Channels = map[string][]ledger.Version{"a/production": {{Version: "1", At: noon(3), By: "promote"}}}
	p := path(t)
	text := save(t, p, l)
	if !strings.Contains(text, "<old>") {
		t.Errorf("not for people to read:\n%s", text)
	}
	got, err := ledger.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l, got); diff != "" {
		t.Errorf("-saved +loaded:\n%s", diff)
	}
}

// TestABuildAddsLines: version control shows one added block, and two branches merge.
func TestABuildAddsLines(t *testing.T) {
	l := of(t, built("a", "1", packer.AWS))
	p := path(t)
	before := save(t, p, l)
	if err := l.Add(built("a", "2", packer.AWS)); err != nil {
		t.Fatal(err)
	}
	after := save(t, p, l)
	end := "\n    }\n  ],\n"
	i := strings.Index(before, end)
	if i < 0 || !strings.HasPrefix(after, before[:i]+"\n    },\n    {\n") || !strings.HasSuffix(after, before[i:]) {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func TestBadLedgers(t *testing.T) {
	build := `    {"image": "a", "version": "1", "target": "aws", "definition": "d"}`
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":          {"{\n  \"builds\": [\n    }\n", ":3: invalid character '}'"},
		"cut off":           {"{\n  \"builds\": [\n" + build, ":3: it ends too early"},
		"empty":             {"", ":1: it ends too early"},
		"a list":            {"[]", ":1: { is expected, not ["},
		"unknown member":    {"{\n  \"bilds\": []\n}", `:2: there is no "bilds" in a ledger`},
		"unknown in builds": {"{\n  \"builds\": [\n    {\n      \"image\": \"a\",\n      \"verion\": \"1\"\n    }\n  ]\n}", `:5: there is no "verion" in a ledger`},
		"type":              {"{\n  \"builds\": [\n    {\n      \"image\": 1\n    }\n  ]\n}", ":4: image is a number, and must be a string"},
		"builds is no list": {"{\n  \"builds\": {}\n}", ":2: [ is expected, not {"},
		"twice":             {"{\n  \"builds\": [\n" + build + ",\n" + build + "\n  ]\n}", ":4: the build a 1 aws is there twice"},
		"member twice":      {"{\n  \"builds\": [],\n  \"builds\": []\n}", `:3: "builds" is there twice`},
		"no version":        {"{\"builds\": [\n\n{\"image\": \"a\"}]}", ":3: a build has no version"},
		"unknown target":    {"{\"builds\": [\n{\"image\": \"a\", \"version\": \"1\", \"target\": \"asw\", \"definition\": \"d\"}]}", `:2: the build a 1 has the target "asw", and there is none`},
		"channels":          {"{\n  \"channels\": {\n    \"a/b\": [\n      {\"verion\": \"1\"}]}\n}", `:4: there is no "verion"`},
		"more":              {"{\n}\n{}", ":3: something follows"},
		"merge":             {"{\n  \"builds\": [\n<<<<<<< HEAD\n", ":3: a merge has left a conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			p := path(t)
			if err := os.WriteFile(p, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := ledger.Load(p)
			if err == nil || !strings.Contains(err.Error(), ledger.FileName+c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v\nwant %s in it", err, c.want)
			}
			if err := ledger.Update(t.Context(), p, func(*ledger.Ledger) error { return nil }); err == nil {
				t.Error("a bad ledger was replaced")
			}
		})
	}
}

// TestWhatCannotBeReadIsNotSaved: a build that was put there without Add.
func TestWhatCannotBeReadIsNotSaved(t *testing.T) {
	p := path(t)
	before := save(t, p, of(t, built("a", "1", packer.AWS)))
	for want, b := range map[string]ledger.Build{"is there twice": built("a", "1", packer.AWS), "has no version": {Image: "a"}} {
		err := ledger.Update(t.Context(), p, func(l *ledger.Ledger) error { l.Builds = append(l.Builds, b); return nil })
		after, readErr := os.ReadFile(p)
		if err == nil || !strings.Contains(err.Error(), want) || readErr != nil || string(after) != before {
			t.Errorf("%v, want %s; %v\n%s", err, want, readErr, after)
		}
	}
}

// TestWritersDoNotLoseEachOther: what each adds is there in the end, and nothing else is left.
func TestWritersDoNotLoseEachOther(t *testing.T) {
	p := path(t)
	const writers = 20
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if err := ledger.Update(t.Context(), p, func(l *ledger.Ledger) error {
				return l.Add(built("a", fmt.Sprint(i), packer.AWS))
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	l, err := ledger.Load(p)
	if err != nil || len(l.Builds) != writers {
		t.Errorf("%d builds, %v", len(l.Builds), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(p)); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestAChangeThatFailsIsNotSaved(t *testing.T) {
	p := path(t)
	before := save(t, p, of(t, built("a", "1", packer.AWS)))
	broken := errors.New("broken")
	err := ledger.Update(t.Context(), p, func(l *ledger.Ledger) error { l.Builds = nil; return broken })
	after, readErr := os.ReadFile(p)
	if !errors.Is(err, broken) || readErr != nil || string(after) != before {
		t.Errorf("%v, %v:\n%s", err, readErr, after)
	}
}

// TestAWriterThatDies holds nobody up: the test is a second process that dies with the lock.
func TestAWriterThatDies(t *testing.T) {
	if p := os.Getenv("LEDGER_TO_DIE_WITH"); p != "" {
		_ = ledger.Update(t.Context(), p, func(l *ledger.Ledger) error {
			l.Builds = nil
			os.Exit(7) // as a crash does
			return nil
		})
		return
	}
	p := path(t)
	save(t, p, of(t, built("a", "1", packer.AWS)))
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAWriterThatDies$")
	child.Env = append(os.Environ(), "LEDGER_TO_DIE_WITH="+p)
	if _, err := child.Output(); child.ProcessState.ExitCode() != 7 {
		t.Fatalf("the child did not die: %v", err)
	}
	if err := ledger.Update(t.Context(), p, func(l *ledger.Ledger) error { return l.Add(built("a", "2", packer.AWS)) }); err != nil {
		t.Fatal(err)
	}
	if l, err := ledger.Load(p); err != nil || len(l.Builds) != 2 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	p := path(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = ledger.Update(t.Context(), p, func(*ledger.Ledger) error { close(inside); <-leave; return nil })
	})
	<-inside
	ctx, cancel := contextWithCancel(t)
	cancel()
	if err := ledger.Update(ctx, p, func(*ledger.Ledger) error { t.Error("two at once"); return nil }); err == nil || !strings.Contains(err.Error(), "another program is changing it") {
		t.Errorf("got %v", err)
	}
	close(leave)
	wg.Wait()
}
