package main

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/sentry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
)

// crashPatience is how long a crash report may keep a worker that ends.
const crashPatience = 5 * time.Second

// panicked is a panic of the worker.
type panicked struct{ what, stack string }

func (*panicked) Error() string { return "the worker failed; its log has the details" }

// crash reports an internal error to the Sentry project that the configuration names. It tries
// once, until ctx ends.
func (p *program) crash(ctx context.Context, problem error) {
	c := p.config
	if c.SentryProject == "" || p.credentials.Load() == nil {
		return
	}
	http := tc.NewHTTP()
	defer http.CloseIdleConnections()
	client := tc.New(c.RootURL, http, retry.Policy{Attempts: 1})
	dsn, err := client.SentryDSN(ctx, p.source, c.SentryProject)
	if err == nil {
		err = sentry.Send(ctx, http, dsn, p.crashEvent(problem))
	}
	if err != nil {
		p.logger.Warn("the crash was not reported", "sentryProject", c.SentryProject, "error", err)
	}
}

// crashEvent is what is told of a crash: who and what, and none of the worker's credentials, which
// a panic may have in its text.
func (p *program) crashEvent(problem error) sentry.Event {
	c, now := p.config, p.source()
	e := sentry.Event{
		Time: time.Now(), Message: problem.Error(), Release: version.String(),
		Tags: map[string]string{
			"worker": "generic-worker", "engine": c.Workerkit.Engine, "workerPoolId": c.TaskQueueID(), "workerGroup": c.WorkerGroup, "workerId": c.WorkerID,
			"rootURL": c.RootURL, "os": runtime.GOOS, "arch": runtime.GOARCH, "instanceType": c.InstanceType, "region": c.Region,
		},
	}
	if of, ok := errors.AsType[*panicked](problem); ok {
		e.Message, e.Stack = of.what, of.stack
	}
	for _, s := range []secret.String{c.AccessToken, c.Certificate, now.AccessToken, now.Certificate} {
		if !s.Empty() {
			e.Message = strings.ReplaceAll(e.Message, s.Reveal(), s.String())
			e.Stack = strings.ReplaceAll(e.Stack, s.Reveal(), s.String())
		}
	}
	return e
}
