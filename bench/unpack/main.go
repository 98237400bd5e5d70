// Command unpack measures how long it takes to fetch and unpack an archive, the one of
// bench/mktar: curl | zstd -dc | tar -x against UnpackFrom of the response, and against that
// of a file of internal/filecache, which is kept and hashed, as a mount does it. By turns, each
// into a new folder, from a server on the loopback device. Nothing is removed before the end: for
// some minutes ext4 makes new files slowly where many were removed.
//
//	go run ./bench/unpack -n 5
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/internal/archive"
	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
)

func main() {
	rounds := flag.Int("n", 5, "how often to measure each")
	dir := flag.String("dir", "", "a `folder` on the file system to measure; the default is that of temporary files")
	file := flag.String("archive", "", "a tar.zst; the default is a new one of bench/mktar")
	profile := flag.String("cpuprofile", "", "a `file` for the processor profile of ours")
	flag.Parse()
	if err := run(context.Background(), *rounds, *dir, *file, *profile); err != nil {
		measure.Exit(fmt.Errorf("unpack: %w", err))
	}
}

// way is one to get the files of an archive at url into dst. What after does is not measured.
type way struct {
	name string
	do   func(ctx context.Context, url, dst string) (after func() error, err error)
}

func run(ctx context.Context, rounds int, dir, file, profile string) (err error) {
	dir, err = os.MkdirTemp(dir, "workerkit-unpack-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if file == "" {
		file = filepath.Join(dir, "archive.tar.zst")
		if out, err := exec.CommandContext(ctx, "go", "run", "./bench/mktar", "-o", file).CombinedOutput(); err != nil {
			return fmt.Errorf("bench/mktar: %w: %s", err, out)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }))
	defer server.Close()
	if profile != "" {
		out, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return compare(ctx, rounds, dir, server.URL)
}

func compare(ctx context.Context, rounds int, dir, url string) error {
	ways := []way{{"curl | zstd -dc | tar -x", pipeline}, {"unpacked from the response", streamed}, {"unpacked while it is cached", kept}}
	times := make([][]time.Duration, len(ways))
	for range rounds {
		for i, w := range ways {
			took, err := one(ctx, dir, url, w)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			times[i] = append(times[i], took)
		}
	}
	base := median(times[0])
	for i, w := range ways {
		measure.Spread("unpack: "+w.name, times[i], measure.Milliseconds)
		if i > 0 {
			measure.Row("unpack: "+w.name+", ratio", fmt.Sprintf("%.2f", median(times[i]).Seconds()/base.Seconds()), "target 1.20")
		}
	}
	return nil
}

// one unpacks once, into a folder that is on disk before anything else is measured.
func one(ctx context.Context, dir, url string, w way) (took time.Duration, err error) {
	dst, err := os.MkdirTemp(dir, "tree-")
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	after, err := w.do(ctx, url, dst)
	took = time.Since(begin)
	return took, errors.Join(err, after(), exec.CommandContext(ctx, "sync").Run())
}

func nothing() error { return nil }

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[(len(times)-1)/2]
}

func pipeline(ctx context.Context, url, dst string) (after func() error, err error) {
	out, err := exec.CommandContext(ctx, "/bin/sh", "-c", `curl -sf "$1" | zstd -dc | tar -x -C "$2"`, "sh", url, dst).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return nothing, err
}

func streamed(ctx context.Context, url, dst string) (after func() error, err error) {
	return nothing, get(ctx, url, func(body io.Reader) error { return archive.UnpackFrom(ctx, body, dst, "tar.zst") })
}

// kept does what a mount does of a content that is in no cache yet. The cache stays open, as a
// worker's does: it has the file on disk when the mount is done.
func kept(ctx context.Context, url, dst string) (after func() error, err error) {
	home := dst + ".cache"
	cache, err := filecache.Open(filecache.Config{
		Dir: filepath.Join(home, "downloads"), State: filepath.Join(home, "file-caches.json"), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Fetcher: fetch.New(nil, http.DefaultClient, retry.Policy{}),
	})
	if err != nil {
		return nothing, err
	}
	after = func() error { return cache.Close(ctx) }
	file, err := cache.Get(ctx, fetch.Content{URL: url}, fetch.Access{})
	if err != nil {
		return after, err
	}
	defer file.Release()
	body, err := file.Open(ctx)
	if err != nil {
		return after, err
	}
	defer body.Close()
	return after, archive.UnpackFrom(ctx, body, dst, "tar.zst")
}

func get(ctx context.Context, url string, use func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return use(response.Body)
}
