package images

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/workerkit/workerkit/internal/archive"
	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/worker/task"
)

// damaged is an artifact that is no image that can be loaded.
type damaged struct{ error }

func (d damaged) Unwrap() error { return d.error }

// loadFrom has the engine load a file under a name, while it comes.
func (s *Store) loadFrom(ctx context.Context, file *filecache.File, name string, f *flight) error {
	r, err := file.Open(ctx)
	if err != nil {
		return download{err}
	}
	defer r.Close()
	return s.guarded(ctx, func(ctx context.Context) error { return s.loadStream(ctx, r, name, f) })
}

// download is an error of the artifact's download, which counts before what it leads to.
type download struct{ error }

func (d download) Unwrap() error { return d.error }

// loadStream takes a stream through its stages: it is decompressed, its names are replaced, and the
// engine loads it. The error is that of the stage that failed first.
func (s *Store) loadStream(ctx context.Context, r io.Reader, name string, f *flight) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	in := bufio.NewReaderSize(&source{r}, 256<<10)
	format, err := sniff(in)
	if err != nil {
		return err
	}
	var stages sync.WaitGroup
	plain, unpacked := stage(&stages, func(w io.Writer) error {
		if format == "" {
			_, err := io.CopyBuffer(w, onlyReader{in}, make([]byte, 256<<10))
			return err
		}
		err := archive.Decompress(ctx, w, in, format)
		if _, ours := errors.AsType[download](err); err == nil || ours || stopped(err) {
			return err
		}
		return damaged{fmt.Errorf("%w: run the task that makes it again", err)}
	})
	renamed, rewritten := stage(&stages, func(w io.Writer) error {
		err := rename(w, plain, name)
		_ = plain.Close()
		return err
	})
	err = s.give(ctx, renamed, f)
	_ = renamed.Close()
	stop()
	stages.Wait()
	for _, first := range []error{*unpacked, *rewritten} {
		if first != nil && !stopped(first) {
			return first
		}
	}
	return err
}

// stopped tells whether a stage failed only because the next one has ended.
func stopped(err error) bool {
	return errors.Is(err, io.ErrClosedPipe) || errors.Is(err, context.Canceled)
}

// stage runs a stage beside others. What it writes is read from the pipe, and so is its error, which
// is set when all have ended.
func stage(all *sync.WaitGroup, do func(io.Writer) error) (*io.PipeReader, *error) {
	r, w := io.Pipe()
	var err error
	all.Go(func() {
		err = do(w)
		_ = w.CloseWithError(err)
	})
	return r, &err
}

// give sends a stream to the engine.
func (s *Store) give(ctx context.Context, r io.Reader, f *flight) error {
	reply, err := s.API.ImageLoad(ctx, onlyReader{r})
	if err == nil {
		err = s.follow(ctx, reply, f, "Loading docker image")
	}
	return err
}

// onlyReader hides what else a reader can do.
type onlyReader struct{ io.Reader }

// source marks the errors of a download.
type source struct{ io.Reader }

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader's end is the very value
		err = download{err}
	}
	return n, err
}

// unloaded says how a run ends whose image could not be loaded.
func (s *Store) unloaded(content fetch.Content, err error) error {
	if d, ok := errors.AsType[download](err); ok {
		return unfetched(d.error)
	}
	if d, ok := errors.AsType[damaged](err); ok {
		return task.Malformed("payload.image: %s: %w", content, d.error)
	}
	if docker.Gone(err) || docker.Full(err) {
		return s.engineTrouble(fmt.Errorf("load %s: %w", content, err))
	}
	return task.Malformed("payload.image: %s: the container engine cannot load it: %w. It must be what docker save makes, whole and not changed: run the task that makes it again", content, err)
}
