// Command hello-worker is a worker with the hello engine and the plugin that counts errors. It
// claims the tasks of a pool, until it is interrupted.
//
//	hello-worker PROVISIONER/WORKERTYPE
//
// It takes TASKCLUSTER_ROOT_URL, TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN from the environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"os/signal"
	"time"

	hello "github.com/workerkit/workerkit/examples/hello-engine"
	errorlines "github.com/workerkit/workerkit/examples/hello-plugin"
	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/backinglog"
	"github.com/workerkit/workerkit/worker/plugins/exitstatus"
	"github.com/workerkit/workerkit/worker/taskrun"
)

func main() { os.Exit(command(os.Args[1:], os.Getenv, os.Stderr)) } //nolint:forbidigo // the only place

// command is main without the process: it returns the exit code.
func command(args []string, getenv func(string) string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: hello-worker PROVISIONER/WORKERTYPE")
		return 1
	}
	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt)
	defer done()
	p := program{
		rootURL: getenv("TASKCLUSTER_ROOT_URL"), pool: args[0], tasks: math.MaxInt, logger: slog.New(slog.NewTextHandler(stderr, nil)),
		credentials: tc.Credentials{ClientID: getenv("TASKCLUSTER_CLIENT_ID"), AccessToken: secret.New(getenv("TASKCLUSTER_ACCESS_TOKEN"))},
	}
	if err := p.run(ctx); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// program is a worker.
type program struct {
	rootURL, pool string
	credentials   tc.Credentials
	tasks         int // after which it ends
	logger        *slog.Logger
}

// lists are the engine and the plugins, in their order. In generic-worker these are the lists of
// cmd/generic-worker/parts.go.
func lists(http *http.Client) (engines.Engine, []plugins.Plugin) {
	return hello.New(), []plugins.Plugin{
		backinglog.New(&artifact.Uploader{HTTP: http, Policy: retry.API(), Now: time.Now}),
		exitstatus.New(),
		errorlines.New(),
	}
}

// merged is the payload's schema.
func merged(engine engines.Engine, list []plugins.Plugin) (*payload.Schema, error) {
	fragments := map[string]payload.Fragment{"engine " + engine.Name(): engine.Payload()}
	for _, plugin := range list {
		fragments["plugin "+plugin.Name()] = plugin.Payload()
	}
	return payload.Merge(fragments) //nolint:wrapcheck // says what is wrong
}

// run claims and runs tasks. When ctx ends it finishes those that run.
func (p program) run(ctx context.Context) (err error) {
	http := tc.NewHTTP()
	engine, list := lists(http)
	schema, err := merged(engine, list)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hello-worker")
	if err != nil {
		return fmt.Errorf("make a folder for tasks: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	client := tc.New(p.rootURL, http, retry.API())
	runs := taskrun.Deps{
		Client: client, Kinds: taskrun.Native(engine, schema), Plugins: list, Logger: p.logger, Now: time.Now,
		TasksDir: dir, Header: "hello-worker", CleanUp: true, Started: func(string, int64) {},
	}
	w := worker.New(worker.Deps{
		Logger: p.logger, Capacity: 1, Tasks: p.tasks,
		Claim: client.Work(tc.Fixed(p.credentials), tc.WorkerName{Pool: p.pool, Group: "hello", ID: "hello-1"}).Claim,
		NewRun: func(c tc.Claim, slot int) worker.Run {
			return taskrun.New(runs, c, slot)
		},
		Resolved: func(c tc.Claim, o taskrun.Outcome) {
			p.logger.Info("a task has ended", "taskId", c.TaskID, "resolution", o.Resolution, "error", o.Err)
		},
		// What follows is for workers that stay: it makes space, and tells others.
		Room:      func(tasks int) (int, error) { return tasks, nil },
		Collect:   func(context.Context) bool { return false },
		MayBeLost: func(error) {}, Sweep: func() {}, Changed: func([]string) {}, Quiet: func() {},
	})
	defer context.AfterFunc(ctx, func() { w.Drain(true, time.Time{}) })()
	w.Run(context.WithoutCancel(ctx))
	return nil
}
