package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/journal"
	"github.com/workerkit/workerkit/worker/recovery"
	"github.com/workerkit/workerkit/worker/tasklog"
)

const token = "a-token-that-nobody-else-may-see"

// world is the queue and the store, as a transport, and what else a recovery works on.
type world struct {
	root     string
	answers  map[string]func(*http.Request) (int, error) // by the last part of the path
	stubborn bool                                        // processes do not end

	mu   sync.Mutex
	seen []string
	log  strings.Builder // what was uploaded
	said strings.Builder // the worker's own
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, fmt.Sprintf(format, args...))
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	name := filepath.Base(r.URL.Path)
	w.note("%s %s", r.Method, name)
	status, body := http.StatusOK, "{}"
	switch {
	case r.Method == http.MethodPut:
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		_, err = io.Copy(&w.log, z)
		w.mu.Unlock()
		if err != nil {
			return nil, err
		}
	case name == "live_backing.log":
		body = `{"storageType": "s3", "putUrl": "http://store.invalid/put", "contentType": "text/plain", "expires": "2999-01-01T00:00:00Z"}`
	}
	if answer := w.answers[name]; answer != nil {
		var err error
		if status, err = answer(r); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{"Content-Type": {"application/json"}}, Request: r}, nil
}

func (w *world) kill(ctx context.Context, dir string) error {
	w.note("kill %s", filepath.Base(dir))
	if w.stubborn {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// claim is one that was left, with its directories and something in its log.
func (w *world) claim(t *testing.T, id, log string) journal.Entry {
	t.Helper()
	e := journal.Entry{
		TaskID: id, TakenUntil: time.Now().Add(20 * time.Minute), Expires: time.Now().Add(time.Hour),
		Credentials: tc.Credentials{ClientID: "task", AccessToken: secret.New(token)},
		Dir:         filepath.Join(w.root, "task_"+id), Own: filepath.Join(w.root, "own_task_"+id),
		LogName: "public/logs/live_backing.log", LiveName: "public/logs/live.log",
	}
	for _, dir := range []string{e.Dir, e.Own} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if log == "" {
		return e
	}
	// Of a worker that was killed, nothing has the spool open any more: so a copy of it.
	l, err := tasklog.New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(l, log); err != nil {
		t.Fatal(err)
	}
	stored, err := l.Close()
	if err != nil {
		t.Fatal(err)
	}
	spool, err := os.ReadFile(stored.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(e.Own, filepath.Base(stored.Path)), spool, 0o600), l.Remove()); err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) run(ctx context.Context, left ...journal.Entry) {
	client := tc.New("http://queue.invalid", &http.Client{Transport: w}, retry.API())
	recovery.Recovery{
		Client: client, Live: true, Kill: w.kill,
		Uploader:  &artifact.Uploader{HTTP: &http.Client{Transport: w}, Policy: retry.API(), Now: time.Now},
		Remove:    func(id string, _ int64) error { w.note("forget %s", id); return nil },
		RemoveDir: func(dir string) error { w.note("remove %s", filepath.Base(dir)); return os.RemoveAll(dir) },
		Logger:    slog.New(slog.NewTextHandler(&w.said, nil)),
	}.Run(ctx, left)
}

func in(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, &world{root: t.TempDir(), answers: map[string]func(*http.Request) (int, error){}})
	})
}

func status(code int) func(*http.Request) (int, error) {
	return func(*http.Request) (int, error) { return code, nil }
}

func silent(r *http.Request) (int, error) {
	<-r.Context().Done()
	return 0, r.Context().Err()
}

// left fails unless so many directories of tasks are left.
func (w *world) left(t *testing.T, want int) {
	t.Helper()
	if all, err := os.ReadDir(w.root); err != nil || len(all) != want {
		t.Errorf("left: %v, %v", all, err)
	}
	if strings.Contains(w.said.String(), token) {
		t.Errorf("the log tells a secret: %s", &w.said)
	}
}

func TestHandBack(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		begin := time.Now()
		w.run(t.Context(), w.claim(t, "a", "output"))
		want := []string{"kill task_a", "POST live_backing.log", "PUT put", "POST live.log", "POST exception", "forget a", "remove task_a", "remove own_task_a"}
		if !slices.Equal(w.seen, want) {
			t.Errorf("seen %q", w.seen)
		}
		if got := w.log.String(); got != "output\n[taskcluster:error] the worker was killed while this task ran; the queue tries the task again\n" {
			t.Errorf("the log: %q", got)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("it waited %v", took)
		}
		w.left(t, 0)
	})
}

// TestNoLog: a worker that was killed before there was a log, or a task that wants none.
func TestNoLog(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		unwanted := w.claim(t, "b", "output")
		unwanted.LogName, unwanted.LiveName = "", ""
		w.run(t.Context(), w.claim(t, "a", ""))
		w.run(t.Context(), unwanted)
		if slices.ContainsFunc(w.seen, func(s string) bool { return strings.Contains(s, "log") }) || len(w.seen) != 10 {
			t.Errorf("seen %q", w.seen)
		}
		w.left(t, 0)
	})
}

// TestOver: a run that is not this worker's any more is dropped.
func TestOver(t *testing.T) {
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict} {
		in(t, func(t *testing.T, w *world) {
			w.answers["exception"] = status(code)
			w.answers["live_backing.log"] = status(code)
			w.run(t.Context(), w.claim(t, "a", "output"))
			if !slices.Contains(w.seen, "forget a") || slices.Contains(w.seen, "PUT put") {
				t.Errorf("%d: seen %q", code, w.seen)
			}
			if said := w.said.String(); strings.Contains(said, "is lost") != (code != http.StatusConflict) { // a resolved run has its log
				t.Errorf("%d: said %s", code, said)
			}
			w.left(t, 0)
		})
	}
}

// TestExpired: nobody is asked about a claim that has expired.
func TestExpired(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		e := w.claim(t, "a", "output")
		e.TakenUntil = time.Now().Add(-time.Second)
		w.run(t.Context(), e)
		if want := []string{"kill task_a", "forget a", "remove task_a", "remove own_task_a"}; !slices.Equal(w.seen, want) {
			t.Errorf("seen %q", w.seen)
		}
		w.left(t, 0)
	})
}

// TestTroubles: what does not work is given so much time, and the queue is told all the same.
func TestTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(w *world)
		least   time.Duration
	}{
		"the store is silent":    {func(w *world) { w.answers["put"] = silent }, 10 * time.Second},
		"the queue is silent":    {func(w *world) { w.answers["live_backing.log"] = silent }, 10 * time.Second},
		"the log is refused":     {func(w *world) { w.answers["live_backing.log"] = status(400) }, 0},
		"processes do not end":   {func(w *world) { w.stubborn = true }, 10 * time.Second},
		"the queue is down once": {func(w *world) { once(w, "exception") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, w *world) {
				c.trouble(w)
				begin := time.Now()
				w.run(t.Context(), w.claim(t, "a", "output"))
				if took := time.Since(begin); took < c.least || took > c.least+time.Second {
					t.Errorf("it took %v", took)
				}
				if !slices.Contains(w.seen, "POST exception") || !slices.Contains(w.seen, "forget a") {
					t.Errorf("seen %q", w.seen)
				}
				w.left(t, 0)
			})
		})
	}
}

// once has the queue fail the first time.
func once(w *world, name string) {
	failed := false
	w.answers[name] = func(*http.Request) (int, error) {
		if !failed {
			failed = true
			return 0, errors.New("no network")
		}
		return http.StatusOK, nil
	}
}

// TestAtTheSameTime: one task's silent store does not hold up another task.
func TestAtTheSameTime(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.answers["put"] = silent
		begin := time.Now()
		w.run(t.Context(), w.claim(t, "a", "output"), w.claim(t, "b", "output"), w.claim(t, "c", ""))
		if took := time.Since(begin); took > 11*time.Second {
			t.Errorf("it took %v", took)
		}
		if first := slices.Index(w.seen, "forget c"); first < 0 || first > slices.Index(w.seen, "forget a") {
			t.Errorf("seen %q", w.seen)
		}
		w.left(t, 0)
	})
}

// TestNotHandedBack: a claim that the queue was never told of stays for the next worker, with its
// log; after its end it is dropped.
func TestNotHandedBack(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.answers["exception"] = func(*http.Request) (int, error) { return 0, errors.New("no network") }
		ctx, done := context.WithTimeout(t.Context(), time.Minute)
		defer done()
		e := w.claim(t, "a", "output")
		w.run(ctx, e)
		if slices.Contains(w.seen, "forget a") {
			t.Errorf("seen %q", w.seen)
		}
		w.left(t, 2)
		w.run(t.Context(), e)
		w.run(t.Context(), e)
		if !slices.Contains(w.seen, "forget a") {
			t.Errorf("seen %q", w.seen)
		}
		w.left(t, 0)
	})
}
