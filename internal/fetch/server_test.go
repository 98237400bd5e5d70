package fetch_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// quick repeats what failed without long waits, a few times.
func quick() retry.Policy {
	return retry.Policy{Initial: time.Millisecond, Cap: 2 * time.Millisecond, Attempts: 4}
}

// random is data that does not compress, always the same.
func random(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(data)
	return data
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// lines collects what is said about the progress.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) log(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", args...)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// server is one that misbehaves as a test says.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
}

// serve answers the request number n, from 0, by handle.
func serve(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, n int)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		n := len(s.asked) - 1
		s.mu.Unlock()
		handle(w, r, n)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.asked...)
}

func (s *server) fetcher() *fetch.Fetcher {
	return fetch.New(tc.New(s.URL, s.Client(), quick()), s.Client(), quick())
}

// cut ends the connection, in the middle of a reply.
func cut() { panic(http.ErrAbortHandler) }

// part sends data from an offset, as a server that can do so, and ends the connection after most
// bytes.
func part(w http.ResponseWriter, r *http.Request, data []byte, tag string, most int) {
	from := 0
	if asked := r.Header.Get("Range"); asked != "" && (r.Header.Get("If-Range") == tag || tag == "") {
		if _, err := fmt.Sscanf(asked, "bytes=%d-", &from); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	if tag != "" {
		w.Header().Set("ETag", tag)
	}
	rest := data[from:]
	w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
		w.WriteHeader(http.StatusPartialContent)
	}
	_, _ = w.Write(rest[:min(most, len(rest))])
	if most < len(rest) {
		_ = http.NewResponseController(w).Flush()
		cut()
	}
}

// get downloads to the end, and returns the file's content.
func get(t *testing.T, f *fetch.Fetcher, c fetch.Content, log *lines) ([]byte, fetch.Result, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	d, err := f.Start(t.Context(), c, fetch.Access{Log: log.log}, path)
	if err != nil {
		gone(t, path)
		return nil, fetch.Result{}, err
	}
	result, err := d.Wait(t.Context())
	if err != nil {
		gone(t, path)
		return nil, result, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if result.Size != int64(len(data)) || result.SHA256 != fetch.Sum(data) {
		t.Errorf("%+v is not what the file is", result)
	}
	return data, result, nil
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
}
