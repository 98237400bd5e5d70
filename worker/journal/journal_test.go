package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/journal"
)

const sentinel = "a-token-that-nobody-else-may-see"

func owner() journal.Owner {
	return journal.Owner{RootURL: "https://tc.example.com", Pool: "proj/ci", Group: "group", ID: "worker"}
}

func claim(task string) journal.Entry {
	return journal.Entry{
		TaskID: task, RunID: 2, TakenUntil: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Credentials: tc.Credentials{ClientID: "task-client/" + task, AccessToken: secret.New(sentinel), Certificate: secret.New("{}")},
		Dir:         "/tasks/task_" + task, Own: "/tasks/own_task_" + task, LogName: "public/logs/live_backing.log", LiveName: "public/logs/live.log",
		Expires: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func open(t *testing.T, dir string, o journal.Owner) (*journal.Journal, []journal.Entry, []string) {
	t.Helper()
	j, left, notes, err := journal.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j, left, notes
}

// again opens a journal as the next process does.
func again(t *testing.T, before *journal.Journal, dir string, o journal.Owner) (*journal.Journal, []journal.Entry, []string) {
	t.Helper()
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir, o)
}

// same compares claims with the secrets in them.
func same(t *testing.T, got, want []journal.Entry) {
	t.Helper()
	reveal := cmp.Transformer("Reveal", func(s secret.String) string { return s.Reveal() })
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Error(diff)
	}
}

func TestClaimsSurvive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j, left, _ := open(t, dir, owner())
	if len(left) > 0 {
		t.Errorf("a new journal has %v", left)
	}
	a, b := claim("a"), claim("b")
	for _, e := range []journal.Entry{a, b} {
		if err := j.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	b.TakenUntil, b.Credentials.AccessToken = b.TakenUntil.Add(time.Hour), secret.New("newer")
	if err := j.Put(b); err != nil {
		t.Fatal(err)
	}
	j, left, notes := again(t, j, dir, owner())
	same(t, left, []journal.Entry{a, b})
	if len(notes) > 0 {
		t.Errorf("notes: %q", notes)
	}
	for range 2 { // forgetting twice is fine
		if err := j.Remove("a", 2); err != nil {
			t.Fatal(err)
		}
	}
	_, left, _ = again(t, j, dir, owner())
	same(t, left, []journal.Entry{b})
}

// TestOnlyOneOwner has a journal come up on another machine.
func TestOnlyOneOwner(t *testing.T) {
	others := map[string]func(*journal.Owner){
		"deployment": func(o *journal.Owner) { o.RootURL = "https://other.example.com" },
		"pool":       func(o *journal.Owner) { o.Pool = "proj/other" },
		"group":      func(o *journal.Owner) { o.Group = "other" },
		"worker":     func(o *journal.Owner) { o.ID = "other" },
	}
	for name, change := range others {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j, _, _ := open(t, dir, owner())
			if err := j.Put(claim("a")); err != nil {
				t.Fatal(err)
			}
			other := owner()
			change(&other)
			j, left, notes := again(t, j, dir, other)
			if len(left) > 0 || len(notes) != 1 || !strings.Contains(notes[0], "another worker's") {
				t.Errorf("claims %v, notes %q", left, notes)
			}
			if _, left, _ = again(t, j, dir, owner()); len(left) > 0 {
				t.Error("the claim was kept")
			}
		})
	}
}

// TestDamage has files that no worker could use: they are said, once, and stop nothing.
func TestDamage(t *testing.T) {
	for name, content := range map[string]string{
		"cut.claim":    `{"format": 1, "credentials": {"accessToken": "` + sentinel,
		"empty.claim":  "",
		"newer.claim":  `{"format": 2, "taskId": "a"}`,
		"a_0.claim.12": `{}`, // a write that never ended
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j, _, _ := open(t, dir, owner())
			if err := j.Put(claim("good")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			j, left, notes := again(t, j, dir, owner())
			same(t, left, []journal.Entry{claim("good")})
			if len(notes) != 1 || !strings.Contains(notes[0], name) || strings.Contains(notes[0], sentinel) {
				t.Errorf("notes: %q", notes)
			}
			if _, _, notes = again(t, j, dir, owner()); len(notes) > 0 {
				t.Errorf("said again: %q", notes)
			}
		})
	}
}

// TestKilledWhileWriting: a claim that was written but had not got its name counts, and is newer than
// what has the name.
func TestKilledWhileWriting(t *testing.T) {
	for name, before := range map[string]bool{"a new claim": false, "a claim that was there": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j, _, _ := open(t, dir, owner())
			newer := claim("a")
			newer.TakenUntil, newer.Credentials.AccessToken = newer.TakenUntil.Add(time.Hour), secret.New("newer")
			if err := j.Put(newer); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, "a_2.claim"), filepath.Join(dir, ".a_2.claim.1234")); err != nil {
				t.Fatal(err)
			}
			if before {
				if err := j.Put(claim("a")); err != nil {
					t.Fatal(err)
				}
			}
			j, left, notes := again(t, j, dir, owner())
			same(t, left, []journal.Entry{newer})
			if len(notes) > 0 {
				t.Errorf("notes: %q", notes)
			}
			if err := j.Remove("a", 2); err != nil {
				t.Fatal(err)
			}
			_, left, _ = again(t, j, dir, owner())
			same(t, left, nil)
		})
	}
}

func TestNobodyElseReadsIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no mode bits; package private sets and tests its access lists")
	}
	dir := filepath.Join(t.TempDir(), "journal")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	j, _, _ := open(t, dir, owner())
	if err := j.Put(claim("a")); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOnlyOneWorker: a second worker in the same folder must not hand back what the first one runs.
func TestOnlyOneWorker(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := open(t, dir, owner())
	if err := j.Put(claim("a")); err != nil {
		t.Fatal(err)
	}
	if _, left, _, err := journal.Open(dir, owner()); !errors.Is(err, journal.ErrInUse) || len(left) > 0 {
		t.Errorf("the second worker has %v, %v", left, err)
	}
	_, left, _ := again(t, j, dir, owner())
	same(t, left, []journal.Entry{claim("a")})
}
