package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/worker/journal"
	"github.com/workerkit/workerkit/worker/recovery"
	"github.com/workerkit/workerkit/worker/taskrun"
)

const (
	// journalDir is where the claims are, in the working directory.
	journalDir = "workerkit-journal"
	// handBackTime is how long a worker that ends waits for the tasks of the one before to be handed back.
	handBackTime = 30 * time.Second
)

// recover opens the journal for the runs, and hands back those of a worker that was killed, beside
// whatever comes next, until settle is called. It fails when another worker is at work in this
// folder: this one would take its tasks for those of a dead one.
func (p *program) recover(made parts, runs *taskrun.Deps) error {
	c := p.config
	claims, left, notes, err := journal.Open(journalDir, journal.Owner{RootURL: c.RootURL, Pool: c.TaskQueueID(), Group: c.WorkerGroup, ID: c.WorkerID})
	if errors.Is(err, journal.ErrInUse) {
		return fmt.Errorf("another worker runs in this folder; start each in one of its own: %w", err)
	}
	if err != nil {
		p.logger.Warn("there is no journal: if this worker is killed, its tasks wait until their claims expire", "error", err)
		return nil
	}
	for _, note := range notes {
		p.logger.Warn("a claim in the journal", "note", note)
	}
	runs.Journal = claims
	hands := recovery.Recovery{
		Client: p.client, Uploader: made.uploader(), Live: c.EnableLiveLog, Remove: claims.Remove, Logger: p.logger,
		Kill: func(ctx context.Context, dir string) error { return proc.KillLeft(ctx, dir, "TASK_WORKDIR="+dir) },
	}
	if c.CleanUpTaskDirs {
		hands.RemoveDir = taskrun.RemoveDir
	}
	for _, e := range left {
		p.unswept = append(p.unswept, filepath.Base(e.Dir), filepath.Base(e.Own))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var owned sync.WaitGroup
	owned.Go(func() { hands.Run(ctx, left) })
	p.handedBack = sync.OnceFunc(func() {
		patience := time.AfterFunc(handBackTime, cancel)
		owned.Wait()
		patience.Stop()
		cancel()
		if err := claims.Close(); err != nil {
			p.logger.Warn("the journal", "error", err)
		}
	})
	return nil
}

// settle waits until what a worker that was killed has left is handed back, so that the machine
// does not go before; it may be called again.
func (p *program) settle() {
	if p.handedBack != nil {
		p.handedBack()
	}
}

// uploader makes what uploads artifacts.
func (p parts) uploader() *artifact.Uploader {
	u := &artifact.Uploader{HTTP: p.http, Policy: retry.API(), Now: time.Now}
	if p.config.CreateObjectArtifacts {
		u.Objects = p.client.Objects()
	}
	return u
}
