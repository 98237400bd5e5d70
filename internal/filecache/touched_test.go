package filecache_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/replace"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

// TestTouched: a file that may have been changed is hashed again, and fetched anew if it has been.
func TestTouched(t *testing.T) {
	for name, c := range map[string]struct {
		touch func(path string) error
		hit   bool
	}{
		"time":    {func(path string) error { return os.Chtimes(path, time.Now(), time.Now()) }, true},
		"mode":    {func(path string) error { return os.Chmod(path, 0o400) }, true},
		"content": {func(path string) error { return os.WriteFile(path, []byte("THE CONTENT"), 0o600) }, false},
		"secretly": {func(path string) error {
			info, err := os.Stat(path)
			return errors.Join(err, os.WriteFile(path, []byte("THE CONTENT"), 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
		}, false},
		"other file": {func(path string) error {
			return errors.Join(os.WriteFile(path+"2", []byte("THE CONTENT"), 0o600), replace.Rename(path+"2", path))
		}, false},
		"longer":  {func(path string) error { return os.WriteFile(path, []byte("the content, and more"), 0o600) }, false},
		"removed": {os.Remove, false},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", name, restart), func(t *testing.T) {
				m := newMachine(t)
				content := m.put("/a", "the content")
				first := m.get(content, "the content")
				if restart {
					m.close()
				}
				if err := c.touch(first.Path); err != nil {
					t.Fatal(err)
				}
				if restart {
					m.open()
				}
				if again := m.get(content, "the content"); again.Hit != c.hit {
					t.Errorf("%+v", again)
				}
				if again := m.get(content, "the content"); !again.Hit {
					t.Errorf("%+v", again)
				}
				if left := m.files(); len(left) != 1 {
					t.Errorf("left %v", left)
				}
			})
		}
	}
}

// TestExpected: what a task expects decides whether an older file will do.
func TestExpected(t *testing.T) {
	m := newMachine(t)
	c := m.put("/a", "old")
	using := m.begin(c)
	old := m.wait(using, "old")
	m.put("/a", "new")
	c.SHA256 = fetch.Sum([]byte("new"))
	if got := m.get(c, "new"); got.Hit || got.Path == old.Path {
		t.Errorf("%+v", got)
	}
	m.is(old, "old") // as long as it is in use
	using.Release()
	using.Release()
	if left := m.files(); len(left) != 1 {
		t.Errorf("left %v", left)
	}

	c.SHA256 = fetch.Sum([]byte("newer"))
	f := m.begin(c)
	r, err := f.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, fetch.ErrMismatch) {
		t.Errorf("a reader is told %v", err)
	}
	if _, err := f.Wait(t.Context()); !errors.Is(err, fetch.ErrMismatch) {
		t.Error(err)
	}
	f.Release()
	if left := m.files(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	for _, wrong := range []fetch.Content{{Raw: "a", SHA256: c.SHA256}, {Base64: "YQ==", SHA256: c.SHA256}} {
		f := m.begin(wrong)
		if _, err := f.Wait(t.Context()); !errors.Is(err, fetch.ErrMismatch) {
			t.Error(err)
		}
		f.Release()
	}
	if left := m.files(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if _, err := m.Get(t.Context(), fetch.Content{Base64: "A"}, fetch.Access{}); err == nil {
		t.Error("not base64, and no error")
	}
}

func TestFailure(t *testing.T) {
	m := newMachine(t)
	f := m.begin(fetch.Content{URL: m.server.URL + "/none"})
	if _, err := f.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing is there: check the url") {
		t.Error(err)
	}
	if _, err := f.Open(t.Context()); err == nil {
		t.Error("opened")
	}
	if _, err := m.Get(t.Context(), fetch.Content{URL: "file:///x"}, fetch.Access{}); err == nil {
		t.Error("begun")
	}
	f.Release()
	if left := m.files(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	m.get(m.put("/none", "now"), "now")
}

// TestIndexed: it is the same file as that of the task.
func TestIndexed(t *testing.T) {
	m := newMachine(t)
	m.put("/artifact", "x")
	m.get(fetch.Content{Namespace: "n.s", Artifact: "public/a"}, "x")
	if !m.get(fetch.Content{TaskID: "T", Artifact: "public/a"}, "x").Hit {
		t.Error("fetched twice")
	}
}

// TestRestricted: a file that was fetched for one task is for others only if the queue gives it to
// them.
func TestRestricted(t *testing.T) {
	m := newMachine(t)
	m.put("/artifact", "s3cret")
	gate := m.slow("/artifact")
	c := fetch.Content{TaskID: "T", Artifact: "private/a"}
	insider := fetch.Access{Credentials: tc.Fixed(tc.Credentials{ClientID: "me", AccessToken: secret.New("t")})}
	f, err := m.Get(t.Context(), c, insider)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Get(t.Context(), c, fetch.Access{}); tc.Status(err) != http.StatusForbidden {
		t.Errorf("joined: %v", err)
	}
	gate <- 100
	m.wait(f, "s3cret")
	f.Release()
	if _, err := m.Get(t.Context(), c, fetch.Access{}); tc.Status(err) != http.StatusForbidden {
		t.Errorf("found: %v", err)
	}
	f, err = m.Get(t.Context(), c, insider)
	if err != nil {
		t.Fatal(err)
	}
	if !m.wait(f, "s3cret").Hit {
		t.Error("fetched twice")
	}
	f.Release()
}

// TestRefusedToAnother: who may have a file gets it, although the one who asked just before may not.
func TestRefusedToAnother(t *testing.T) {
	m := newMachine(t)
	m.put("/artifact", "s3cret")
	c := fetch.Content{TaskID: "T", Artifact: "private/a"}
	refuse := m.slow("/api/queue/v1/task/T/artifact-content/private/a")
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		if _, err := m.Get(t.Context(), c, fetch.Access{}); tc.Status(err) != http.StatusForbidden {
			t.Errorf("the outsider: %v", err)
		}
	})
	eventually(t, func() bool { return len(m.requests()) == 1 })
	var joined sync.Once
	insider := fetch.Access{Credentials: func() tc.Credentials {
		joined.Do(func() { refuse <- 0 })
		return tc.Credentials{ClientID: "me", AccessToken: secret.New("t")}
	}}
	f, err := m.Get(t.Context(), c, insider)
	if err != nil {
		t.Fatal(err)
	}
	m.wait(f, "s3cret")
	f.Release()
}
