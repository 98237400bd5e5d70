package dircache

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/bind"
)

func pool(t *testing.T, dir string, preloaded ...Preloaded) *Pool {
	t.Helper()
	p, err := Open(Config{
		Dir: filepath.Join(dir, "caches"), State: filepath.Join(dir, "state"), Adopted: filepath.Join(dir, "adopted"),
		Preloaded: preloaded, Keep: 1, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// A worker that was killed leaves a cache mounted at a place that nobody removes: the next one takes it away.
func TestMountsOfAKilledWorker(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir := t.TempDir()
	killed := pool(t, dir)
	c, err := killed.Take(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	at, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	place := filepath.Join(at.Name(), "v")
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := bind.New(t.Context(), c.Dir, at, "v", bind.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	pool(t, dir)
	if err := os.Remove(place); err != nil {
		t.Errorf("it is mounted still: %v", err)
	}
}

// What an image holds belongs to whoever made it; the cache is the worker's, which gives it to its first task.
func TestPreloadedIsOurs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	if err := os.Mkdir(image, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(image, 4001, 4001); err != nil {
		t.Fatal(err)
	}
	c, err := pool(t, dir, Preloaded{Name: "a", Dir: image}).Take(t.Context(), "a")
	if err != nil || c.New {
		t.Fatalf("%+v, %v", c, err)
	}
	info, err := os.Stat(c.Dir)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("%+v, %v", info.Sys(), err)
	}
}

// during calls a function whenever it is asked whether it has ended.
type during struct {
	context.Context
	call func()
}

func (d during) Err() error {
	d.call()
	return nil
}

// A request to purge that comes while a preloaded directory is copied is for the copy too, and nobody gets it before.
func TestWhileItIsCopied(t *testing.T) {
	for _, purge := range []bool{false, true} {
		dir := t.TempDir()
		image := filepath.Join(dir, "image")
		if err := os.Mkdir(image, 0o700); err != nil {
			t.Fatal(err)
		}
		p := pool(t, dir)
		asked := 0
		ctx := during{t.Context(), func() {
			if asked++; asked > 1 {
				return
			}
			if c, err := p.Take(t.Context(), "a"); err != nil || !c.New || c.Discard() != nil {
				t.Errorf("somebody got %+v, %v", c, err)
			}
			if !purge {
				return
			}
			if n, err := p.Purge("a", time.Now().Add(time.Hour)); n != 1 || err != nil {
				t.Errorf("purged %d, %v", n, err)
			}
		}}
		if err := p.copy(ctx, Preloaded{Name: "a", Dir: image}); err != nil || asked == 0 {
			t.Errorf("%v; asked %d times", err, asked)
		}
		if c, err := p.Take(t.Context(), "a"); err != nil || c.New != purge {
			t.Errorf("purged %v: %+v, %v", purge, c, err)
		}
	}
}
