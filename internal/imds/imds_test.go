package imds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/internal/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick repeats at once, for as long as a busy machine may need.
func quick() retry.Policy {
	return retry.Policy{Initial: time.Millisecond, Cap: 5 * time.Millisecond, Total: 5 * time.Second}
}

// serve starts a service whose handler is told the number of the attempt, from 1.
func serve(t *testing.T, h func(w http.ResponseWriter, r *http.Request, n int32)) (url string, attempts *atomic.Int32) {
	t.Helper()
	attempts = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(w, r, attempts.Add(1)) }))
	t.Cleanup(s.Close)
	return s.URL, attempts
}

func transport(t *testing.T, p retry.Policy) *imds.Transport {
	t.Helper()
	tr := imds.New(p)
	t.Cleanup(tr.Close)
	return tr
}

// send makes one call and returns its status and body.
func send(ctx context.Context, t *testing.T, tr http.RoundTripper, method, url string, body io.Reader) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := tr.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), errors.Join(err, response.Body.Close())
}

// bad are first replies that a caller must not see.
func bad() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"410": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "updating", http.StatusGone) },
		"429": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "slow down", http.StatusTooManyRequests) },
		"500": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oh", http.StatusInternalServerError) },
		"503": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not yet", http.StatusServiceUnavailable) },
		"reset": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
		"reset in the middle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	}
}

func TestRepeatsWhatPasses(t *testing.T) {
	for name, bad := range bad() {
		t.Run(name, func(t *testing.T) {
			url, attempts := serve(t, func(w http.ResponseWriter, r *http.Request, n int32) {
				if n <= 2 {
					bad(w, r)
					return
				}
				_, _ = io.WriteString(w, "i-0123")
			})
			tr := transport(t, quick())
			status, body, err := send(t.Context(), t, tr, http.MethodGet, url, nil)
			if err != nil || status != http.StatusOK || body != "i-0123" || attempts.Load() != 3 {
				t.Errorf("%d %q %v after %d attempts", status, body, err, attempts.Load())
			}
			attempts.Store(0) // a new transport: net/http itself repeats a GET on a connection that was idle
			status, _, err = send(imds.Once(t.Context()), t, transport(t, quick()), http.MethodGet, url, nil)
			if (err == nil && status < 400) || attempts.Load() != 1 {
				t.Errorf("Once: %d %v after %d attempts", status, err, attempts.Load())
			}
		})
	}
}

func TestFinalReplies(t *testing.T) {
	for _, code := range []int{200, 301, 400, 401, 403, 404} {
		url, attempts := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int32) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
		})
		status, _, err := send(t.Context(), t, transport(t, quick()), http.MethodGet, url, nil)
		if err != nil || status != code || attempts.Load() != 1 {
			t.Errorf("%d: %d %v after %d attempts", code, status, err, attempts.Load())
		}
	}
}

func TestLastReplyWhenTimeIsUp(t *testing.T) {
	url, attempts := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int32) {
		http.Error(w, "not today", http.StatusServiceUnavailable)
	})
	p := retry.Policy{Initial: time.Millisecond, Cap: time.Millisecond, Total: 500 * time.Millisecond}
	status, body, err := send(t.Context(), t, transport(t, p), http.MethodGet, url, nil)
	if err != nil || status != 503 || body != "not today\n" || attempts.Load() < 2 {
		t.Errorf("%d %q %v after %d attempts", status, body, err, attempts.Load())
	}
}

func TestRefusedConnectionIsTriedUntilTheServiceIsThere(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	failures := make(chan error, 1)
	p := quick()
	p.Notify = func(err error, _ time.Duration) {
		select {
		case failures <- err:
		default:
		}
	}
	done := make(chan error, 1)
	go func() {
		_, body, err := send(t.Context(), t, transport(t, p), http.MethodGet, "http://"+address, nil)
		if err == nil && body != "here" {
			err = fmt.Errorf("body %q", body)
		}
		done <- err
	}()
	<-failures
	l, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skipf("somebody else has taken the port meanwhile: %v", err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "here")
	})}
	t.Cleanup(func() { _ = s.Close() })
	go func() { _ = s.Serve(l) }()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestBodies(t *testing.T) {
	url, attempts := serve(t, func(w http.ResponseWriter, r *http.Request, n int32) {
		if n == 1 {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.Copy(w, r.Body)
	})
	tr := transport(t, quick())
	if _, body, err := send(t.Context(), t, tr, http.MethodPost, url, strings.NewReader("ack")); err != nil || body != "ack" {
		t.Errorf("a body that can be had again: %q, %v", body, err)
	}
	attempts.Store(0)
	if status, _, err := send(t.Context(), t, tr, http.MethodPut, url, http.NoBody); err != nil || status != 200 || attempts.Load() != 2 {
		t.Errorf("no body: %d %v after %d attempts", status, err, attempts.Load())
	}
	attempts.Store(0)
	once := struct{ io.Reader }{strings.NewReader("only once")}
	if status, _, err := send(t.Context(), t, tr, http.MethodPost, url, once); err != nil || status != 503 || attempts.Load() != 1 {
		t.Errorf("a body that cannot be had again: %d %v after %d attempts", status, err, attempts.Load())
	}
}

func TestWithinBoundsEachAttempt(t *testing.T) {
	url, attempts := serve(t, func(w http.ResponseWriter, r *http.Request, n int32) {
		if n == 1 {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "at last")
	})
	ctx := imds.Within(t.Context(), 100*time.Millisecond)
	if _, body, err := send(ctx, t, transport(t, quick()), http.MethodGet, url, nil); err != nil || body != "at last" {
		t.Errorf("%q, %v", body, err)
	}
	attempts.Store(0)
	_, _, err := send(imds.Once(ctx), t, transport(t, quick()), http.MethodGet, url, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "did not answer within 100ms") {
		t.Errorf("error of a silent service: %v", err)
	}
}

func TestEndOfTheContextEndsTheCall(t *testing.T) {
	for name, h := range map[string]func(http.ResponseWriter, *http.Request, int32){
		"while it hangs": func(_ http.ResponseWriter, r *http.Request, _ int32) { <-r.Context().Done() },
		"between tries": func(w http.ResponseWriter, _ *http.Request, _ int32) {
			http.Error(w, "no", http.StatusServiceUnavailable)
		},
	} {
		url, _ := serve(t, h)
		gone := errors.New("the machine goes")
		ctx, cancel := context.WithCancelCause(imds.Within(t.Context(), time.Hour))
		timer := time.AfterFunc(50*time.Millisecond, func() { cancel(gone) })
		_, _, err := send(ctx, t, transport(t, retry.Policy{Initial: time.Millisecond}), http.MethodGet, url, nil)
		if !errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
		timer.Stop()
	}
}

func TestHugeReplyIsRefused(t *testing.T) {
	size := 1 << 20
	url, attempts := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int32) { _, _ = w.Write(make([]byte, size)) })
	tr := transport(t, quick())
	if _, body, err := send(t.Context(), t, tr, http.MethodGet, url, nil); err != nil || len(body) != size {
		t.Errorf("the largest reply: %d bytes, %v", len(body), err)
	}
	size++
	attempts.Store(0)
	if _, _, err := send(t.Context(), t, tr, http.MethodGet, url, nil); err == nil || attempts.Load() != 1 {
		t.Errorf("a larger reply: %v after %d attempts", err, attempts.Load())
	}
}

// TestNoProxy runs itself again with a proxy in the environment, which Go reads only once in a
// process. Go never asks a proxy for localhost; for 0.0.0.0, which is as local, it does.
func TestNoProxy(t *testing.T) {
	const child = "IMDS_TEST_TARGET"
	if target := os.Getenv(child); target != "" {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if u, err := http.ProxyFromEnvironment(r); err != nil || u == nil {
			t.Fatalf("the proxy of the environment is not in force here: %v, %v", u, err)
		}
		_, body, err := send(t.Context(), t, transport(t, quick()), http.MethodGet, target, nil)
		if err != nil || body != "from the service" {
			t.Errorf("%q, %v", body, err)
		}
		return
	}
	proxy, asked := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int32) { _, _ = io.WriteString(w, "from the proxy") })
	service, _ := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int32) { _, _ = io.WriteString(w, "from the service") })
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoProxy$")
	c.Env = append(os.Environ(), "HTTP_PROXY="+proxy, "http_proxy="+proxy, "NO_PROXY=", "no_proxy=",
		child+"="+strings.Replace(service, "127.0.0.1", "0.0.0.0", 1))
	out, err := c.CombinedOutput()
	if err != nil || asked.Load() != 0 {
		t.Errorf("the proxy was asked %d times; %v\n%s", asked.Load(), err, out)
	}
}

// TestEither has a first address that the machine has no route to.
func TestEither(t *testing.T) {
	url, attempts := serve(t, func(w http.ResponseWriter, r *http.Request, _ int32) { _, _ = io.WriteString(w, r.Host) })
	here, ok := strings.CutPrefix(url, "http://")
	const nowhere = "[fe80::1%nosuchinterface]" // link-local, and no link
	for _, c := range []struct {
		hosts []string
		works bool
	}{
		{[]string{nowhere, here}, true},
		{[]string{here, "127.0.0.2:9"}, true},
		{[]string{nowhere, nowhere}, false},
	} {
		ctx := imds.Once(imds.Either(t.Context(), c.hosts...))
		_, body, err := send(ctx, t, transport(t, quick()), http.MethodGet, "http://127.0.0.1:9/", nil)
		if c.works != (err == nil && body == here) || !ok {
			t.Errorf("%v: %q, %v", c.hosts, body, err)
		}
	}
	if attempts.Load() != 2 {
		t.Errorf("%d attempts", attempts.Load())
	}
	if hosts := imds.Hosts(imds.Either(t.Context())); hosts != nil {
		t.Errorf("hosts out of nothing: %v", hosts)
	}
}

// TestEachAttemptLooksForARoute has a machine that gets its first route while it waits.
func TestEachAttemptLooksForARoute(t *testing.T) {
	url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int32) { _, _ = io.WriteString(w, "here") })
	hosts := []string{"127.0.0.1:9", "127.0.0.1:9"} // nothing listens there
	p := quick()
	p.Notify = func(error, time.Duration) { hosts[0] = strings.TrimPrefix(url, "http://") }
	ctx := imds.Either(t.Context(), hosts...)
	if _, body, err := send(ctx, t, transport(t, p), http.MethodGet, "http://127.0.0.1:9/", nil); err != nil || body != "here" {
		t.Errorf("%q, %v", body, err)
	}
}
