package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/workerkit/workerkit/internal/fetch"
)

// start begins a download.
func start(t *testing.T, s *server, c fetch.Content) (*fetch.Download, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	d, err := s.fetcher().Start(t.Context(), c, fetch.Access{}, path)
	if err != nil {
		t.Fatal(err)
	}
	return d, path
}

// follow opens a reader, which the end of the test closes.
func follow(t *testing.T, d *fetch.Download) io.ReadCloser {
	t.Helper()
	r, err := d.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// steps is a server that sends a piece of data whenever a test says so.
func steps(t *testing.T, data []byte, piece int) (s *server, next func()) {
	t.Helper()
	gate := make(chan struct{})
	s = serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		for rest := data; len(rest) > 0; {
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
			n := min(piece, len(rest))
			_, _ = w.Write(rest[:n])
			_ = http.NewResponseController(w).Flush()
			rest = rest[n:]
		}
	})
	return s, func() { gate <- struct{}{} }
}

// TestFollow: readers get the bytes while the rest is still to come, and the end when it is complete.
func TestFollow(t *testing.T) {
	const piece = 256 << 10
	data := random(4 * piece)
	s, next := steps(t, data, piece)
	d, path := start(t, s, fetch.Content{URL: s.URL})
	early := follow(t, d)
	got := make([]byte, 2*piece)
	next()
	next()
	if _, err := io.ReadFull(early, got); err != nil || !bytes.Equal(got, data[:2*piece]) {
		t.Fatalf("%v", err)
	}
	late := follow(t, d)
	var all sync.WaitGroup
	for _, c := range []struct {
		r    io.Reader
		want []byte
	}{{early, data[2*piece:]}, {late, data}} {
		all.Go(func() {
			if got, err := io.ReadAll(c.r); err != nil || !bytes.Equal(got, c.want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	next()
	next()
	all.Wait()
	if _, err := d.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	after := follow(t, d)
	if got, err := io.ReadAll(after); err != nil || !bytes.Equal(got, data) {
		t.Errorf("afterwards: %d bytes, %v", len(got), err)
	}
	if info, err := os.Stat(path); err != nil || (os.PathSeparator == '/' && info.Mode().Perm() != 0o600) {
		t.Errorf("%v, %v", info, err)
	}
}

// TestFollowAMismatch: who has read all of it learns that it is not the right content.
func TestFollowAMismatch(t *testing.T) {
	data := random(1 << 20)
	s, next := steps(t, data, 1<<20)
	d, path := start(t, s, fetch.Content{URL: s.URL, SHA256: fetch.Sum(nil)})
	r := follow(t, d)
	next()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, fetch.ErrMismatch) {
		t.Error(err)
	}
	if _, err := d.Open(t.Context()); !errors.Is(err, fetch.ErrMismatch) {
		t.Error(err)
	}
	_ = r.Close() // Windows removes no open file
	gone(t, path)
}

// TestFollowAChange: a content that is another one by now ends those who have read what is not so
// any more, and nobody else.
func TestFollowAChange(t *testing.T) {
	const size, cut, differs = 2 << 20, 1 << 20, 600_000
	first := random(size)
	second := bytes.Clone(first)
	second[differs]++
	gate := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 0 {
			part(w, r, first, "", cut)
			return
		}
		<-gate
		part(w, r, second, "", size)
	})
	d, _ := start(t, s, fetch.Content{URL: s.URL, SHA256: fetch.Sum(second)})
	far, near, none := follow(t, d), follow(t, d), follow(t, d)
	for r, n := range map[io.Reader]int{far: differs + 1, near: differs} {
		if _, err := io.ReadFull(r, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	close(gate)
	if _, err := io.Copy(io.Discard, far); !errors.Is(err, fetch.ErrChanged) {
		t.Errorf("what was read is not so any more: %v", err)
	}
	if got, err := io.ReadAll(near); err != nil || !bytes.Equal(got, second[differs:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err := io.ReadAll(none); err != nil || !bytes.Equal(got, second) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := d.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestFollowerThatLeaves: the end of its context ends a reader, and nothing else.
func TestFollowerThatLeaves(t *testing.T) {
	s, next := steps(t, []byte("data"), 4)
	d, _ := start(t, s, fetch.Content{URL: s.URL})
	ctx, cancel := context.WithCancelCause(t.Context())
	r, err := d.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	cancel(why)
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, why) {
		t.Error(err)
	}
	if _, err := d.Wait(ctx); !errors.Is(err, why) {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
	next()
	if _, err := d.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}
