package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

// part is a part of a live log that is asked for.
type part struct{ name, query, span string }

// parts are those that are measured.
func parts() []part {
	return []part{
		{"the last 100 lines", "?tail=100&follow=false", ""},
		{"the last 10,000 lines", "?tail=10000&follow=false", ""},
		{"the last MiB, by Range", "", "bytes=-1048576"},
	}
}

// tail measures how long the end of a long log takes that a running task has written.
func (b *bench) tail(ctx context.Context, n int) error {
	machine, err := b.Machine(ctx)
	if err != nil {
		return err
	}
	written, enough := filepath.Join(b.Dir, "written"), filepath.Join(b.Dir, "enough")
	script := fmt.Sprintf("%s -bytes %s && : > %s && while [ ! -e %s ]; do sleep 0.1; done", b.loggen, b.size, written, enough)
	task, err := b.Task(ctx, []string{"/bin/sh", "-c", script})
	if err != nil {
		return err
	}
	url, err := liveURL(ctx, b.Stand, task)
	if err == nil {
		err = exists(ctx, written)
	}
	if err != nil {
		return err
	}
	for _, p := range parts() {
		var times []time.Duration
		for range n {
			took, err := p.time(ctx, url)
			if err != nil {
				return err
			}
			times = append(times, took)
		}
		measure.Target("live log of "+b.size+": "+p.name, times, "100 ms", measure.Milliseconds)
	}
	if err := b.memory(machine.PID()); err != nil {
		return err
	}
	if err := os.WriteFile(enough, nil, 0o600); err != nil {
		return err
	}
	_, err = b.Await(ctx, "queue", "reportCompleted", 1)
	return err
}

// time is from the request to the last byte of the reply.
func (p part) time(ctx context.Context, url string) (time.Duration, error) {
	begin := time.Now()
	reply, err := view(ctx, url+p.query, p.span)
	if err != nil {
		return 0, err
	}
	defer reply.Body.Close()
	n, err := io.Copy(io.Discard, reply.Body)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: nothing came", p.name)
	}
	return time.Since(begin), err
}

// exists waits for a file.
func exists(ctx context.Context, path string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
