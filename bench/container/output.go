package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/bench/measure"
	engine "github.com/workerkit/workerkit/worker/engines/container"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// present is the one image, which is there.
type present string

// Ensure implements images.Images.
func (p present) Ensure(context.Context, images.Ref, *task.Run) (images.Image, error) {
	return images.Image{ID: string(p), Name: imageName, Release: func() {}}, nil
}

// output measures by turns a container whose output is read and dropped, and one whose output is stored.
func (b *bench) output(ctx context.Context, terminal bool) error {
	const times = 3
	made := engine.New(engine.Config{Docker: b.Engine, Images: present(b.image), Worker: "bench", Logger: slog.New(slog.DiscardHandler)})
	if err := made.Open(ctx); err != nil {
		return err
	}
	var read, stored []float64
	for i := range times {
		took, err := b.attached(ctx, terminal)
		if err != nil {
			return fmt.Errorf("attach: %w", err)
		}
		read = append(read, b.speed(took))
		if took, err = b.stored(ctx, made, terminal, filepath.Join(b.dir, fmt.Sprint("log", terminal, i))); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		stored = append(stored, b.speed(took))
	}
	how := "pipe"
	if terminal {
		how = "terminal"
	}
	what := fmt.Sprintf("output of a container, %s, %s", b.label, how)
	show := func(v float64) string { return fmt.Sprintf("%.0f MB/s", v) }
	measure.Spread(what+": attach alone", read, show)
	measure.Spread(what+": stored", stored, show)
	return made.Close(ctx)
}

func (b *bench) speed(took time.Duration) float64 { return float64(b.mib<<20) / took.Seconds() / 1e6 }

func (b *bench) command() []string { return []string{"loggen", "-bytes", fmt.Sprintf("%dMiB", b.mib)} }

// attached reads the output and does nothing with it.
func (b *bench) attached(ctx context.Context, terminal bool) (time.Duration, error) {
	made, err := b.API.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: b.image, Cmd: b.command(), Tty: terminal, AttachStdout: true, AttachStderr: true},
		HostConfig: &container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}},
	})
	if err != nil {
		return 0, err
	}
	attached, err := b.API.ContainerAttach(ctx, made.ID, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return 0, err
	}
	defer attached.Close()
	begin := time.Now()
	if _, err := b.API.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, attached.Reader)
	took := time.Since(begin)
	if n < int64(b.mib)<<20 {
		err = errors.Join(err, fmt.Errorf("only %d bytes came", n))
	}
	_, removed := b.API.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true})
	return took, errors.Join(err, removed)
}

// stored has the worker's engine run the command, and closes the log.
func (b *bench) stored(ctx context.Context, e *engine.Engine, terminal bool, dir string) (took time.Duration, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	log, err := tasklog.New(dir, time.Now)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.Remove()) }()
	payload, err := json.Marshal(object{"container": object{"image": object{"name": imageName}, "command": b.command(), "pipe": !terminal}})
	if err != nil {
		return 0, err
	}
	run := &task.Run{TaskID: "bench", Payload: payload, Dir: dir, Log: log, Logger: slog.New(slog.DiscardHandler)}
	builder, err := e.NewBuilder(ctx, run)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	sandbox, err := builder.Start(ctx)
	if err != nil {
		return 0, err
	}
	result, err := sandbox.Wait(ctx)
	if err != nil {
		return 0, err
	}
	_, err = log.Close()
	took = time.Since(begin)
	if s := result.Status(); !s.Success {
		err = errors.Join(err, fmt.Errorf("the command: %s", s.Reason))
	}
	return took, errors.Join(err, result.Dispose(ctx))
}
