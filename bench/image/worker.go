package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// builder is the task that has made the image.
const builder = "AbcdefghQijklmnopqrstg"

// worker has no downloads and knows no image. It ends with close.
type worker struct {
	engine *engine
	server *httptest.Server
	files  *filecache.Cache
	images *images.Store
	log    *tasklog.Log
}

func openWorker(e *engine, dir, file string) (*worker, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	w := &worker{engine: e}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/artifact-content/") {
			_, _ = fmt.Fprintf(rw, `{"storageType":"s3","url":%q}`, w.server.URL+"/data")
			return
		}
		http.ServeFile(rw, r, file)
	}))
	logger := slog.New(slog.DiscardHandler)
	fetcher := fetch.New(tc.New(w.server.URL, w.server.Client(), retry.Policy{}), w.server.Client(), retry.Policy{})
	var err error
	w.files, err = filecache.Open(filecache.Config{
		Dir: filepath.Join(dir, "downloads"), State: filepath.Join(dir, "file-caches.json"), Fetcher: fetcher, Logger: logger, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	w.images = images.Open(images.Config{
		API: e.API, Files: w.files, Artifacts: fetcher, State: filepath.Join(dir, "d2g-image-cache.json"), Logger: logger, Now: time.Now,
	})
	w.log, err = tasklog.New(dir, time.Now)
	return w, err
}

func (w *worker) close(ctx context.Context) error {
	err := errors.Join(w.images.Close(ctx), w.files.Close(ctx), w.log.Remove())
	w.server.Close()
	return err
}

// measure has the image run, then finds it again some times, and removes it.
func (w *worker) measure(ctx context.Context) (cold time.Duration, warm []time.Duration, err error) {
	run := &task.Run{TaskID: builder, Definition: task.Definition{Dependencies: []string{builder}}, Log: w.log, Credentials: tc.Anonymous()}
	ensure := func() (images.Image, error) {
		return w.images.Ensure(ctx, images.Ref{TaskID: builder, Path: "public/image.tar.zst"}, run)
	}
	cold, err = timed(func() error {
		image, err := ensure()
		if err != nil {
			return err
		}
		defer image.Release()
		return w.engine.container(ctx, image.ID)
	})
	if err != nil {
		return 0, nil, err
	}
	const times = 20
	for range times {
		begin := time.Now()
		image, err := ensure()
		if err != nil {
			return 0, nil, err
		}
		warm = append(warm, time.Since(begin))
		image.Release()
	}
	freed, err := w.images.Collect(ctx, 1)
	if err == nil && freed == 0 {
		err = errors.New("the image cannot be removed")
	}
	return cold, warm, err
}
