package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/local"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/local/store"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestServices pings what must be there, and asks for what is not.
func TestServices(t *testing.T) {
	i := localtest.Start(t)
	for _, service := range []string{"auth", "queue", "worker-manager", "secrets", "index", "purge-cache", "object"} {
		if status, body := get(t, i.RootURL+"/api/"+service+"/v1/ping"); status != 200 || !strings.Contains(body, `"alive":true`) {
			t.Errorf("%s: %d %s", service, status, body)
		}
	}
	if status, body := get(t, i.RootURL+"/api/hooks/v1/ping"); status != 404 ||
		!strings.Contains(body, "it has auth/v1, index/v1, object/v1, purge-cache/v1, queue/v1, secrets/v1, worker-manager/v1") {
		t.Errorf("hooks: %d %s", status, body)
	}
	if status, _ := get(t, i.RootURL+"/s3/public-bucket/nothing"); status != 404 {
		t.Errorf("blob: %d", status)
	}
}

// TestCalls shows that API calls and those to signed URLs are told to the observer.
func TestCalls(t *testing.T) {
	const delay = 20 * time.Millisecond
	i := localtest.Start(t, localtest.Delay(delay))
	get(t, i.RootURL+"/api/queue/v1/ping")
	get(t, i.RootURL+"/s3/public-bucket/nothing")
	var got []string
	for _, c := range i.Calls() {
		got = append(got, fmt.Sprintf("%s.%s %d", c.Service, c.Method, c.Status))
		if took := c.End.Sub(c.Start); took < delay {
			t.Errorf("%s took %v", c.Method, took)
		}
	}
	if strings.Join(got, ", ") != "queue.ping 200, blob.GET 404" {
		t.Errorf("%q", got)
	}
}

// TestStopEndsLongPolls shows that a server with a worker waiting stops at once.
func TestStopEndsLongPolls(t *testing.T) {
	i := localtest.Start(t)
	queue := tcqueue.New(i.Credentials(), i.RootURL)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	queue.Context = ctx
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		queue.ClaimWork("p/w", &tcqueue.ClaimWorkRequest{Tasks: 1, WorkerGroup: "g", WorkerID: "w"}) // only its end counts
	}()
	waitForConnection(t, i)
	start := time.Now()
	i.Stop(t)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
	cancel() // the client would try again for long
	<-polled
}

// waitForConnection waits until the server has the poll: a claimWork makes the worker known.
func waitForConnection(t *testing.T, i *localtest.Instance) {
	t.Helper()
	queue := tcqueue.New(i.Credentials(), i.RootURL)
	for range 1500 {
		if workers, err := queue.ListWorkers("p", "w", "", "", ""); err == nil && len(workers.Workers) == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the poll never came")
}

// TestNothingIsLeft shows that every goroutine has ended when Serve returns.
func TestNothingIsLeft(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	listener, err := local.Listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := local.Open(t.Context(), local.Options{Dir: t.TempDir(), RootURL: local.RootURL(listener)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	client := &http.Client{Transport: &http.Transport{}}
	resp, err := client.Get(local.RootURL(listener) + "/api/queue/v1/ping")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	client.CloseIdleConnections()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOneProcessAFolder(t *testing.T) {
	dir := t.TempDir()
	i := localtest.Start(t, localtest.Dir(dir))
	if _, err := local.Open(t.Context(), local.Options{Dir: dir}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second opening: %v", err)
	}
	i.Stop(t)
	again := localtest.Start(t, localtest.Dir(dir))
	if again.AccessToken != i.AccessToken {
		t.Error("the root client's token has changed")
	}
}

// TestListenIsLoopback shows that nothing outside of the machine can reach a server.
func TestListenIsLoopback(t *testing.T) {
	listener, err := local.Listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if !strings.HasPrefix(local.RootURL(listener), "http://127.0.0.1:") {
		t.Error(local.RootURL(listener))
	}
	if _, err := local.Listen(t.Context(), 70000); err == nil {
		t.Error("there is no port 70000")
	}
}

// TestPathsStayAsTheyAre guards the split of paths: what looks like a blob's path inside of an
// API call is none.
func TestPathsStayAsTheyAre(t *testing.T) {
	i := localtest.Start(t)
	for path, service := range map[string]string{
		"/api/secrets/v1/secret/a//..%2Fs3/b": "secrets",
		"/s3/public-bucket/a//../b":           "blob",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.RootURL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		calls := i.Calls()
		if last := calls[len(calls)-1]; last.Service != service || resp.StatusCode >= 500 || resp.StatusCode == http.StatusMovedPermanently {
			t.Errorf("%s: %+v", path, last)
		}
	}
}

var _ http.Handler = (*local.Server)(nil)
