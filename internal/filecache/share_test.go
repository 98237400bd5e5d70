package filecache_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
)

// TestShared: those who ask at the same time share a download, each with its own log and its own
// expectation, and who leaves does not end it for the others.
func TestShared(t *testing.T) {
	m := newMachine(t)
	data := strings.Repeat("0123456789abcdef", 1<<16)
	c := m.put("/a", data)
	gate := m.slow("/a")
	wrong := c
	wrong.SHA256 = fetch.Sum(nil)
	mistaken, first, second := m.begin(wrong), m.begin(c), m.begin(c)

	var all sync.WaitGroup
	r, err := second.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gate <- len(data) / 2
	if _, err := io.ReadFull(r, make([]byte, len(data)/4)); err != nil {
		t.Fatal(err)
	}
	first.Release()
	all.Go(func() {
		if n, err := io.Copy(io.Discard, r); err != nil || n != int64(len(data)*3/4) {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	gate <- len(data)
	if info := m.wait(second, data); info.Hit {
		t.Errorf("%+v", info)
	}
	all.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if len(m.requests()) != 1 {
		t.Errorf("asked for %v", m.requests())
	}
	if _, err := mistaken.Wait(t.Context()); !errors.Is(err, fetch.ErrMismatch) {
		t.Error(err)
	}
}

// TestLastLeaves: a download that nobody waits for ends, and who comes then begins another.
func TestLastLeaves(t *testing.T) {
	m := newMachine(t)
	c := m.put("/a", "data")
	gate := m.slow("/a")
	one, two := m.begin(c), m.begin(c)
	one.Release()
	two.Release()
	three := m.begin(c)
	go func() {
		for range 2 {
			select {
			case gate <- 4:
			case <-t.Context().Done():
			}
		}
	}()
	m.wait(three, "data")
	three.Release()
	m.close()
	if left := m.files(); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

// TestImpatience: the end of a context ends the waiting, not the download.
func TestImpatience(t *testing.T) {
	m := newMachine(t)
	c := m.put("/a", "data")
	gate := m.slow("/a")
	f := m.begin(c)
	why := errors.New("the task was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := f.Wait(ctx); !errors.Is(err, why) {
		t.Error(err)
	}
	r, err := f.Open(ctx)
	if err == nil {
		_, err = r.Read(make([]byte, 1))
		defer r.Close()
	}
	if !errors.Is(err, why) {
		t.Error(err)
	}
	gate <- 4
	m.wait(f, "data")
}

// TestClose ends downloads, and what is not complete leaves nothing.
func TestClose(t *testing.T) {
	m := newMachine(t)
	c := m.put("/a", "data")
	m.slow("/a")
	f := m.begin(c)
	m.close()
	if _, err := f.Wait(t.Context()); !errors.Is(err, filecache.ErrClosed) {
		t.Error(err)
	}
	if _, err := m.Get(t.Context(), c, fetch.Access{}); !errors.Is(err, filecache.ErrClosed) {
		t.Error(err)
	}
	f.Release()
	if left := m.files(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// TestKilled: a worker that is killed in a download has no entry of it, and the next one removes
// what came.
func TestKilled(t *testing.T) {
	m := newMachine(t)
	m.get(m.put("/b", "whole"), "whole")
	c := m.put("/a", strings.Repeat("data", 1<<18))
	gate := m.slow("/a")
	f := m.begin(c)
	gate <- 1 << 19
	r, err := f.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1<<18)); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	m.get(m.put("/c", "whole"), "whole") // which has the state written
	killed := m.Cache
	defer func() {
		if err := killed.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	eventually(t, func() bool {
		data, err := os.ReadFile(filepath.Join(m.dir, "file-caches.json"))
		return err == nil && strings.Contains(string(data), "/c")
	})
	if left := m.files(); len(left) != 3 {
		t.Errorf("there are %v", left)
	}
	m.open() // as the next one, without the end of the one before
	if left := m.files(); len(left) != 2 || len(m.state()) != 2 {
		t.Errorf("left %v, %v", left, m.state())
	}
}

// TestInUse: a file that is in use is not waited for until it is on disk, which would take it from
// those who unpack it; it is listed when it is released, or when the cache is closed.
func TestInUse(t *testing.T) {
	m := newMachine(t)
	listed := func(path string) bool {
		data, err := os.ReadFile(filepath.Join(m.dir, "file-caches.json"))
		return err == nil && strings.Contains(string(data), path)
	}
	first, second := m.begin(m.put("/first", "1")), m.begin(m.put("/second", "2"))
	m.wait(first, "1")
	m.wait(second, "2")
	m.get(m.put("/other", "3"), "3")
	eventually(t, func() bool { return listed("/other") })
	if listed("/first") || listed("/second") {
		t.Error("a file is listed that is in use")
	}
	first.Release()
	eventually(t, func() bool { return listed("/first") })
	m.close()
	if !listed("/second") {
		t.Error("a file is lost that was in use at the end")
	}
}

// TestCollect removes the least recently used first, and nothing that is in use.
func TestCollect(t *testing.T) {
	m := newMachine(t)
	oldest, used, newest := m.put("/oldest", strings.Repeat("o", 1000)), m.put("/used", "u"), m.put("/newest", "n")
	busy := m.begin(oldest)
	m.wait(busy, strings.Repeat("o", 1000))
	for _, c := range []fetch.Content{used, newest} {
		if f := m.begin(c); true {
			if _, err := f.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.Release()
		}
	}
	m.get(used, "u") // again, after newest
	m.slow("/loading")
	loading := m.begin(m.put("/loading", "l"))
	if freed, err := m.Collect(t.Context(), 1); freed == 0 || err != nil {
		t.Errorf("%d, %v", freed, err)
	}
	if !m.get(used, "u").Hit || m.get(newest, "n").Hit {
		t.Error("not the least recently used one went")
	}
	if freed, err := m.Collect(t.Context(), math.MaxUint64); freed < 2 || freed > 1000 || err != nil {
		t.Errorf("%d, %v", freed, err)
	}
	m.wait(busy, strings.Repeat("o", 1000))
	busy.Release()
	if freed, err := m.Collect(t.Context(), math.MaxUint64); freed < 1000 || err != nil {
		t.Errorf("%d, %v", freed, err)
	}
	loading.Release()
	m.close()
	if left := m.files(); len(left) != 0 || len(m.state()) != 0 {
		t.Errorf("left %v, %v", left, m.state())
	}
}

// TestLogs: the progress is told to all who wait, and not to who has left.
func TestLogs(t *testing.T) {
	m := newMachine(t)
	c := m.put("/a", "data")
	gate := m.slow("/a")
	var mu sync.Mutex
	told := map[string]int{}
	as := func(name string) fetch.Access {
		return fetch.Access{Log: func(string, ...any) {
			mu.Lock()
			defer mu.Unlock()
			told[name]++
		}}
	}
	var files []*filecache.File
	for _, name := range []string{"one", "two", "gone"} {
		f, err := m.Get(t.Context(), c, as(name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Release()
		files = append(files, f)
	}
	files[2].Release()
	gate <- 2
	m.server.CloseClientConnections() // which is worth a line
	go func() {
		for t.Context().Err() == nil {
			select {
			case gate <- 4:
			case <-t.Context().Done():
			}
		}
	}()
	m.wait(files[0], "data")
	mu.Lock()
	defer mu.Unlock()
	if told["one"] == 0 || told["one"] != told["two"] || told["gone"] != 0 {
		t.Errorf("told %v", told)
	}
}

// eventually waits for what a goroutine is about to do.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("it does not come about")
		}
		time.Sleep(time.Millisecond) // Windows replaces no file while somebody reads it
	}
}

// BenchmarkHit1GiB is a hit on a file of 1 GiB, sparse, whose hash is known.
func BenchmarkHit1GiB(b *testing.B) {
	dir := b.TempDir()
	downloads := filepath.Join(dir, "downloads")
	const name, size = "AAAAAAAAAAAAAAAAAAAAAA", 1 << 30
	state := `{"urlcontent:http://h/f":{"created":"2030-01-01T00:00:00Z","location":"downloads/` + name + `","sha256":""}}`
	err := errors.Join(os.Mkdir(downloads, 0o700), os.WriteFile(filepath.Join(downloads, name), nil, 0o600),
		os.Truncate(filepath.Join(downloads, name), size), os.WriteFile(filepath.Join(dir, "file-caches.json"), []byte(state), 0o600))
	if err != nil {
		b.Fatal(err)
	}
	cache, err := filecache.Open(filecache.Config{
		Dir: downloads, State: filepath.Join(dir, "file-caches.json"), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Fetcher: fetch.New(nil, http.DefaultClient, retry.Policy{}),
	})
	if err != nil {
		b.Fatal(err)
	}
	hit := func() {
		f, err := cache.Get(b.Context(), fetch.Content{URL: "http://h/f"}, fetch.Access{})
		if err != nil {
			b.Fatal(err)
		}
		if info, err := f.Wait(b.Context()); err != nil || !info.Hit || info.Size != size {
			b.Fatal(info, err)
		}
		f.Release()
	}
	hit() // which hashes it
	for b.Loop() {
		hit()
	}
	if err := cache.Close(context.WithoutCancel(b.Context())); err != nil {
		b.Error(err)
	}
}
