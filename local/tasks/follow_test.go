package tasks

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

// deployment is a queue with one task, and the server of its logs at /RUN/NAME.
type deployment struct {
	*httptest.Server

	mu     sync.Mutex
	status tc.TaskStatus
	serve  map[string]http.HandlerFunc
}

func newDeployment(t *testing.T, runs ...tc.RunStatus) *deployment {
	d := &deployment{status: tc.TaskStatus{State: "running", Runs: runs}, serve: map[string]http.HandlerFunc{}}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		handler := d.serve[strings.TrimPrefix(r.URL.Path, "/")]
		d.mu.Unlock()
		if handler == nil {
			http.NotFound(w, r)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *deployment) set(state string, runs ...tc.RunStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status = tc.TaskStatus{State: state, Runs: runs}
}

func (d *deployment) Status(context.Context, string) (tc.TaskStatus, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status, nil
}

func (d *deployment) ArtifactURL(_ string, run int64, name string, _ time.Duration) (string, error) {
	return fmt.Sprintf("%s/%d/%s", d.URL, run, name), nil
}

func (d *deployment) follower(out io.Writer) Follower {
	return Follower{Queue: d, HTTP: d.Client(), Poll: time.Millisecond, Live: "live", Backing: "backing", Out: out}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

func running(id int64) tc.RunStatus { return tc.RunStatus{ID: id, State: "running"} }

func completed(id int64) tc.RunStatus {
	return tc.RunStatus{ID: id, State: "completed", Reason: "completed"}
}

// TestTheLogIsShownWhileTheTaskRuns: the first line must be out before the task is resolved.
func TestTheLogIsShownWhileTheTaskRuns(t *testing.T) {
	d := newDeployment(t, running(0))
	out, shown := io.Pipe()
	finish := make(chan struct{})
	d.serve["0/live"] = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "one\n")
		w.(http.Flusher).Flush()
		<-finish
		_, _ = io.WriteString(w, "two\n")
		d.set("completed", completed(0))
	}
	d.serve["0/backing"] = text("one\ntwo\nthree\n")

	result := make(chan error, 1)
	go func() {
		_, err := d.follower(shown).Follow(t.Context(), "t")
		shown.CloseWithError(io.EOF)
		result <- err
	}()
	first := make([]byte, 4)
	if _, err := io.ReadFull(out, first); err != nil || string(first) != "one\n" {
		t.Fatalf("before the end: %q, %v", first, err)
	}
	close(finish)
	rest, err := io.ReadAll(out)
	if err != nil || string(rest) != "two\nthree\n" {
		t.Errorf("the rest: %q, %v", rest, err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// TestABrokenStreamIsTakenUpAgain: no byte twice, none missing.
func TestABrokenStreamIsTakenUpAgain(t *testing.T) {
	d := newDeployment(t, running(0))
	attempts := 0
	d.serve["0/live"] = func(w http.ResponseWriter, _ *http.Request) {
		attempts++
		w.Header().Set("Content-Length", "12")
		if attempts == 1 {
			_, _ = io.WriteString(w, "abc")
			return // too short: the client sees an unexpected end
		}
		_, _ = io.WriteString(w, "abcdefghijkl")
		d.set("failed", tc.RunStatus{ID: 0, State: "failed", Reason: "failed"})
	}
	d.serve["0/backing"] = text("abcdefghijklmno")
	var out bytes.Buffer
	status, err := d.follower(&out).Follow(t.Context(), "t")
	if err != nil || status.State != "failed" {
		t.Errorf("%v, %v", status.State, err)
	}
	if out.String() != "abcdefghijklmno" {
		t.Errorf("shown: %q", out.String())
	}
}

func TestRunsAreShownOneAfterAnother(t *testing.T) {
	d := newDeployment(t, tc.RunStatus{ID: 0, State: "exception", Reason: "intermittent-task"}, running(1))
	d.serve["0/backing"] = text("first\n")
	d.serve["1/live"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "second\n")
		d.set("completed", tc.RunStatus{ID: 0, State: "exception", Reason: "intermittent-task"}, completed(1))
	}
	d.serve["1/backing"] = text("second\n")
	var out bytes.Buffer
	var notices []string
	f := d.follower(&out)
	f.Notice = func(r tc.RunStatus) { notices = append(notices, fmt.Sprintf("%d %s %s", r.ID, r.State, r.Reason)) }
	if _, err := f.Follow(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	if out.String() != "first\nsecond\n" {
		t.Errorf("shown: %q", out.String())
	}
	if got, want := strings.Join(notices, ", "), "0 exception intermittent-task, 1 running , 1 completed completed"; got != want {
		t.Errorf("notices: %s, want %s", got, want)
	}
}

func TestACompressedBackingLogIsShownAsText(t *testing.T) {
	d := newDeployment(t, completed(0))
	d.set("completed", completed(0))
	d.serve["0/backing"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "plain\n")
		_ = z.Close()
	}
	var out bytes.Buffer
	if _, err := d.follower(&out).Follow(t.Context(), "t"); err != nil || out.String() != "plain\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestATaskWithoutALogEndsToo(t *testing.T) {
	d := newDeployment(t)
	d.set("exception", tc.RunStatus{ID: 0, State: "exception", Reason: "deadline-exceeded"})
	if status, err := d.follower(io.Discard).Follow(t.Context(), "t"); err != nil || status.State != "exception" {
		t.Errorf("%v, %v", status, err)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	d := newDeployment(t, running(0))
	started := make(chan struct{})
	d.serve["0/live"] = func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		close(started)
		<-r.Context().Done()
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	go func() {
		<-started
		cancel(interrupted)
	}()
	if _, err := d.follower(io.Discard).Follow(ctx, "t"); !errors.Is(err, interrupted) {
		t.Errorf("got %v", err)
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestAFailingOutputEndsIt(t *testing.T) {
	d := newDeployment(t, running(0))
	d.serve["0/live"] = text("x")
	if _, err := d.follower(fullDisk{}).Follow(t.Context(), "t"); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsHoldNoURL(t *testing.T) {
	d := newDeployment(t)
	d.Close()
	_, err := get(t.Context(), http.DefaultClient, d.URL+"/x?bewit=secret")
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), path.Base(d.URL)+"/x") {
		t.Errorf("got %v", err)
	}
}

// lonely is a queue whose task no worker takes for so long.
type lonely struct {
	API
	until time.Time
}

func (l lonely) Status(context.Context, string) (tc.TaskStatus, error) {
	if time.Now().Before(l.until) {
		return tc.TaskStatus{State: "pending", Runs: []tc.RunStatus{{State: "pending"}}}, nil
	}
	return tc.TaskStatus{State: "exception"}, nil
}

// TestATaskThatNobodyTakes: that is said once, after a while, and not for a task that is taken soon.
func TestATaskThatNobodyTakes(t *testing.T) {
	for lasts, want := range map[time.Duration]int{time.Minute: 1, 5 * time.Second: 0} {
		synctest.Test(t, func(t *testing.T) {
			said := 0
			f := Follower{Queue: lonely{until: time.Now().Add(lasts)}, Poll: time.Second, Out: io.Discard, Waiting: func() { said++ }}
			if _, err := f.Follow(t.Context(), "task"); err != nil || said != want {
				t.Errorf("after %v: said %d times, %v; want %d", lasts, said, err, want)
			}
		})
	}
}
