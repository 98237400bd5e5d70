package runner

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/launch"
)

// work runs the worker to its end, with helpers that live exactly as long.
func (r *runner) work(ctx context.Context, p providers.Provider, m *machine) (ended, error) {
	if err := r.writeConfig(ctx, m); err != nil {
		return ended{}, err
	}
	in := newInbox(ctx, r.log, m.session)
	w, err := launch.Start(launch.Command{
		Path: r.config.Worker.Path, ConfigPath: r.config.Worker.ConfigPath,
		Stderr: r.deps.Stderr, Log: r.log,
		Handle: func(m protocol.Message) { in.handle(ctx, m) },
		Text:   func(line string) { say(ctx, r.log, slog.LevelInfo, line) },
	})
	if err != nil {
		in.close()
		return ended{}, err
	}
	helpers, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	tell := newTeller(r.log, w, r.deps.Grace)
	wg.Go(func() { tell.deliver(helpers) })
	wg.Go(func() { r.keepCredentials(helpers, m, tell) })
	if watcher, ok := p.(providers.Watcher); ok {
		wg.Go(func() { r.watch(helpers, watcher, tell) })
	}
	select {
	case <-w.Done():
	case <-ctx.Done():
		r.log.Info("stopping the worker", "cause", context.Cause(ctx))
		w.Stop(r.deps.Grace)
	}
	stop()
	wg.Wait()
	in.close()
	m.end = w.End()
	r.log.Info("the worker has ended", "end", m.end.Text)
	return ended{Code: m.end.Code, Asked: in.shutdownAsked(), Stopped: ctx.Err() != nil}, nil
}

// writeConfig renders and writes the worker's config. Our own object goes only to our worker:
// another one would refuse to start.
func (r *runner) writeConfig(ctx context.Context, m *machine) error {
	rendered, err := r.rendered(m)
	if err != nil {
		return err
	}
	if config.Workerkit(rendered) {
		ours, err := r.ours.answer(ctx)
		if err != nil {
			r.log.Warn("the worker does not tell what it is, and counts as not ours", "error", err)
		}
		if !ours {
			r.log.Info("the worker is not ours; leaving out the object workerkit of its config")
			rendered = config.WithoutWorkerkit(rendered)
		}
	}
	if err := launch.WriteConfig(r.config.Worker.ConfigPath, rendered); err != nil {
		return err
	}
	return nil
}

// keepCredentials renews the credentials, saves them and tells the worker.
func (r *runner) keepCredentials(ctx context.Context, m *machine, tell *teller) {
	err := m.session.Keep(ctx, func(next tc.Registration) {
		r.log.Info("renewed the worker's credentials", "expires", next.Expires)
		if err := r.save(m); err != nil {
			r.log.Error("the new credentials could not be saved", "error", err)
		}
		tell.credentials(next.Credentials)
	})
	if err != nil {
		r.log.Error("the worker must end", "error", err)
		tell.terminate(ctx, time.Time{})
	}
}

// watch passes notices on. That a machine is going away ends the work on it; anything else
// is only said.
func (r *runner) watch(ctx context.Context, w providers.Watcher, tell *teller) {
	for {
		n, err := w.Watch(ctx)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Error("notices about this machine are no longer heard", "error", err)
			}
			return
		}
		r.log.Warn("notice about this machine", "reason", n.Reason, "deadline", n.Deadline, "resource", n.Resource)
		if n.Kind == providers.Termination {
			tell.terminate(ctx, n.Deadline)
		}
	}
}
