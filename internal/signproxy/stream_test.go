package signproxy_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/signproxy"
	"github.com/workerkit/workerkit/internal/tc"
)

func newHash() hash.Hash { return sha256.New() }

func TestRepeats(t *testing.T) {
	large := strings.Repeat("x", 64<<10+1)
	for _, test := range []struct {
		method, body string
		answers      []int
		want         int // calls
	}{
		{"GET", "", []int{503, 500, 200}, 3},
		{"PUT", "small", []int{502, 200}, 2},
		{"DELETE", "", []int{504, 404}, 2},
		{"GET", "", []int{503, 503, 503, 200}, 3}, // the policy's three; the last is passed on
		{"GET", "", []int{429, 200}, 1},
		{"POST", "", []int{503, 200}, 1},
		{"PATCH", "small", []int{503, 200}, 1},
		{"PUT", large, []int{503, 200}, 1},
	} {
		var mu sync.Mutex
		var bodies, signatures []string
		credentials := 0
		s := newStage(t, func(w http.ResponseWriter, r *http.Request) {
			verify(t, r, fmt.Sprint("token-", len(bodies)+1))
			body, _ := io.ReadAll(r.Body)
			bodies, signatures = append(bodies, string(body)), append(signatures, r.Header.Get("Authorization"))
			status := test.answers[len(bodies)-1]
			w.WriteHeader(status)
			fmt.Fprint(w, "answer ", status)
		}, func(c *signproxy.Config) {
			c.Credentials = func() tc.Credentials { // renewed between attempts
				mu.Lock()
				defer mu.Unlock()
				credentials++
				return tc.Credentials{ClientID: clientID, AccessToken: secret.New(fmt.Sprint("token-", credentials))}
			}
		})
		reply, text := do(t, test.method, s.url+"/api/queue/v1/x", test.body, nil)
		last := test.answers[test.want-1]
		if len(bodies) != test.want || reply.StatusCode != last || text != fmt.Sprint("answer ", last) {
			t.Errorf("%s, %v: %d calls, %s, %q", test.method, test.answers, len(bodies), reply.Status, text)
		}
		if slices.ContainsFunc(bodies, func(b string) bool { return b != test.body }) {
			t.Errorf("%s: bodies differ", test.method)
		}
		if slices.Sort(signatures); len(slices.Compact(signatures)) != test.want {
			t.Errorf("%s: a signature was used twice", test.method)
		}
	}
}

// TestBrokenConnectionIsTriedAgain, and is 502 if it stays so.
func TestBrokenConnectionIsTriedAgain(t *testing.T) {
	for _, breaks := range []int{1, 10} {
		calls := 0
		s := newStage(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls++; calls <= breaks {
				panic(http.ErrAbortHandler)
			}
			fmt.Fprint(w, "well")
		})
		reply, text := do(t, "PUT", s.url+"/api/queue/v1/x", "small", nil)
		if breaks == 1 && (reply.StatusCode != http.StatusOK || text != "well") {
			t.Errorf("%s, %q", reply.Status, text)
		}
		if breaks > 1 && (reply.StatusCode != http.StatusBadGateway || !strings.Contains(text, "no answer") || reply.Header.Get("X-Taskcluster-Endpoint") == "") {
			t.Errorf("%s, %q, %v", reply.Status, text, reply.Header)
		}
	}
}

// TestBodiesAreStreamed: each side has what the other has sent so far.
func TestBodiesAreStreamed(t *testing.T) {
	received, more := make(chan string), make(chan struct{})
	s := newStage(t, func(w http.ResponseWriter, r *http.Request) {
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			received <- lines.Text()
		}
		w.Header().Set("Content-Length", "11")
		fmt.Fprintln(w, "reply")
		_ = http.NewResponseController(w).Flush()
		<-more
		fmt.Fprintln(w, "more")
	})
	body, in := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/api/object/v1/x", body)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer in.Close()
		for _, line := range []string{"one", "two"} {
			fmt.Fprintln(in, line)
			if got := <-received; got != line {
				t.Errorf("the service got %q", got)
			}
		}
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	reply, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if line, err := bufio.NewReader(reply.Body).ReadString('\n'); line != "reply\n" {
		t.Errorf("got %q, %v", line, err)
	}
	close(more)
}

// TestLargeBodiesTakeNoMemory: what is allocated in all, on all sides, is far less than what goes through.
func TestLargeBodiesTakeNoMemory(t *testing.T) {
	const total = 256 << 20
	s := newStage(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if r.ContentLength != total {
			t.Errorf("the length was not passed on: %d", r.ContentLength)
		}
		w.Header().Set("Content-Length", fmt.Sprint(n))
		_, _ = io.CopyN(w, zeros{}, n)
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/api/object/v1/x", io.LimitReader(zeros{}, total))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = total
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	reply, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	n, err := io.Copy(io.Discard, reply.Body)
	runtime.ReadMemStats(&after)
	if n != total || err != nil || reply.ContentLength != total {
		t.Errorf("%d bytes of %d came back, %v", n, reply.ContentLength, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > total/8 {
		t.Errorf("allocated %d MiB", used>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestCallerWhoGoesEndsTheCall, so that nothing goes on for nobody.
func TestCallerWhoGoesEndsTheCall(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan struct{})
	s := newStage(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(ended)
	})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/queue/v1/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-entered; cancel() }()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if reply, err := transport.RoundTrip(request); err == nil {
		reply.Body.Close()
		t.Error("answered")
	}
	<-ended
}

func TestBewit(t *testing.T) {
	s := newStage(t, func(w http.ResponseWriter, r *http.Request) {
		if ext := verify(t, r, token); ext["certificate"] == nil || ext["authorizedScopes"] == nil {
			t.Errorf("said %v", ext)
		}
		fmt.Fprint(w, r.URL.Path)
	})
	for _, target := range []string{"/api/queue/v1/a%2Fb", "/api/queue/v1/x?b=1&a=%20", "/", ""} {
		reply, text := do(t, "POST", s.url+"/bewit", "http://"+s.host+target+"\n", nil)
		location := reply.Header.Get("Location")
		if reply.StatusCode != http.StatusSeeOther || location != text || !strings.HasPrefix(location, "http://"+s.host+target) {
			t.Fatalf("%s: %s, %q, %q", target, reply.Status, location, text)
		}
		u, err := url.Parse(location)
		if err != nil || u.Query().Get("bewit") == "" {
			t.Fatalf("%s: %v", location, err)
		}
		if reply, _ := do(t, "GET", location, "", nil); reply.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", target, reply.Status)
		}
	}
	for body, want := range map[string]int{"": 400, "/api/queue/v1/x": 400, "ftp://h/x": 400, "http://[": 400, "http://h/" + strings.Repeat("x", 64<<10): 400} {
		if reply, _ := do(t, "POST", s.url+"/bewit", body, nil); reply.StatusCode != want {
			t.Errorf("%.20q: %s", body, reply.Status)
		}
	}
	if reply, _ := do(t, "GET", s.url+"/bewit", "", nil); reply.StatusCode != http.StatusMethodNotAllowed || reply.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %s", reply.Status)
	}
}

// lateClosed is a body that was closed by the time that its last byte had been read.
type lateClosed struct{ io.Reader }

func (l lateClosed) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = http.ErrBodyReadAfterClose
	}
	return n, err
}

func (lateClosed) Close() error { return nil }

// TestReplyBeforeTheEndIsSeen: a service may answer as soon as it has the last byte.
func TestReplyBeforeTheEndIsSeen(t *testing.T) {
	const text = "all of it"
	s := newStage(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/object/v1/x", lateClosed{strings.NewReader(text)})
	request.ContentLength = int64(len(text))
	reply := httptest.NewRecorder()
	s.proxy.ServeHTTP(reply, request)
	if reply.Code != http.StatusOK || reply.Body.String() != text {
		t.Errorf("%d %q", reply.Code, reply.Body)
	}
}
