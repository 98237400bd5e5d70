package control_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/runner/control"
)

// runner answers with what it was given and notes what it was asked for.
type runner struct {
	status control.Status
	refuse error

	mu     sync.Mutex
	drains []bool
}

func (r *runner) Status() control.Status { return r.status }

func (r *runner) Drain(_ context.Context, finishTasks bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drains = append(r.drains, finishTasks)
	return r.refuse
}

func status() control.Status {
	at := time.Date(2026, 5, 4, 3, 2, 1, 500e6, time.UTC)
	return control.Status{
		Version: "1.2.3", State: control.Working, Since: at, Provider: "aws", WorkerPoolID: `p/"q"`, WorkerID: "i-1",
		CredentialsExpire: at.Add(time.Hour), Restarts: 2,
		Notices: []control.Notice{{Reason: "rebalance", Heard: at}},
		Phases:  []control.Phase{{Name: "identify", Millis: 12.5}},
	}
}

// serve serves r until the test ends, or until the returned function is called.
func serve(t *testing.T, path string, r control.Runner) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, path, r) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	for range 1000 {
		if _, err := control.NewClient(path).Status(t.Context()); err == nil {
			return stop
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("nothing listens: %v", stop())
	return nil
}

// socket is a path that is short enough for a socket.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "control.sock")
}

func TestStatusAndDrain(t *testing.T) {
	path, r := socket(t), &runner{status: status()}
	stop := serve(t, path, r)
	client := control.NewClient(path)
	got, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.status, got); diff != "" {
		t.Error(diff)
	}
	for _, finish := range []bool{true, false} {
		if asked, err := client.Drain(t.Context(), finish); err != nil || !asked {
			t.Errorf("asked %v, %v", asked, err)
		}
	}
	if diff := cmp.Diff([]bool{true, false}, r.drains); diff != "" {
		t.Error(diff)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := client.Status(t.Context()); !errors.Is(err, control.ErrNotRunning) || !strings.Contains(err.Error(), path) {
		t.Errorf("after the end: %v", err)
	}
}

func TestARefusalIsPassedOn(t *testing.T) {
	path := socket(t)
	serve(t, path, &runner{refuse: errors.New("there is no worker yet")})
	_, err := control.NewClient(path).Drain(t.Context(), true)
	if !errors.Is(err, control.ErrRefused) || !strings.Contains(err.Error(), "there is no worker yet") {
		t.Errorf("%v", err)
	}
}

func TestOnlyTheOwnerCanUseTheSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this test looks at the modes of files")
	}
	path := socket(t)
	serve(t, path, &runner{})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if info, err = os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("its folder: %v, %v", info, err)
	}
}

func TestASocketInUseIsLeftAlone(t *testing.T) {
	path, first := socket(t), &runner{status: status()}
	serve(t, path, first)
	if err := control.Serve(t.Context(), path, &runner{}); !errors.Is(err, control.ErrBusy) {
		t.Errorf("the second start: %v", err)
	}
	if got, err := control.NewClient(path).Status(t.Context()); err != nil || got.WorkerID != first.status.WorkerID {
		t.Errorf("the first one is disturbed: %+v, %v", got, err)
	}
}

func TestAStaleSocketIsReplaced(t *testing.T) {
	path := socket(t)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as after SIGKILL
	_ = dead.Close()
	serve(t, path, &runner{})
}

func TestAFileInThePlaceOfTheSocketIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := control.Serve(t.Context(), path, &runner{})
	if err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("%v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "data" {
		t.Errorf("%q, %v", data, err)
	}
}

// raw makes a request as any program could.
func raw(t *testing.T, path, method, target, body string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://x"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	path, r := socket(t), &runner{}
	serve(t, path, r)
	for _, c := range []struct {
		method, target, body string
		want                 int
	}{
		{"POST", "/v1/drain", "", http.StatusBadRequest},
		{"POST", "/v1/drain", `{"finishTask":true}`, http.StatusBadRequest},
		{"POST", "/v1/drain", `{"finishTasks":"` + string(bytes.Repeat([]byte("x"), 1<<16)) + `"}`, http.StatusBadRequest},
		{"GET", "/v1/drain", "", http.StatusMethodNotAllowed},
		{"GET", "/v2/status", "", http.StatusNotFound},
	} {
		if got, text := raw(t, path, c.method, c.target, c.body); got != c.want {
			t.Errorf("%s %s %.40s: %d %s", c.method, c.target, c.body, got, text)
		}
	}
	if len(r.drains) > 0 {
		t.Errorf("drained: %v", r.drains)
	}
}

func TestMetrics(t *testing.T) {
	path := socket(t)
	serve(t, path, &runner{status: status()})
	code, text := raw(t, path, "GET", "/metrics", "")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	for _, want := range []string{
		`start_worker_info{version="1.2.3",provider="aws",worker_pool_id="p/\"q\""} 1`,
		`start_worker_state{state="working"} 1`, `start_worker_state{state="draining"} 0`,
		`start_worker_credentials_expire_seconds 1.7778673215e+09`,
		`start_worker_restarts 2`, `start_worker_notices 1`, `start_worker_phase_seconds{phase="identify"} 0.0125`,
		"# TYPE start_worker_restarts gauge",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
