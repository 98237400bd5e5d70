package main

import (
	"context"
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
// whatever comes next, until the returned function is called.
func (p *program) recover(made parts, runs *taskrun.Deps) (stop func()) {
	c := p.config
	claims, left, notes, err := journal.Open(journalDir, journal.Owner{RootURL: c.RootURL, Pool: c.TaskQueueID(), Group: c.WorkerGroup, ID: c.WorkerID})
	if err != nil {
		p.logger.Warn("there is no journal: if this worker is killed, its tasks wait until their claims expire", "error", err)
		return func() {}
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
	return func() {
		patience := time.AfterFunc(handBackTime, cancel)
		owned.Wait()
		patience.Stop()
		cancel()
		if err := claims.Close(); err != nil {
			p.logger.Warn("the journal", "error", err)
		}
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
