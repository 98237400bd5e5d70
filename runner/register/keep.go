package register

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// ErrExpired means that credentials could not be renewed before their end.
var ErrExpired = errors.New("the worker's credentials could not be renewed in time")

// Keep renews the credentials until ctx ends, and calls renewed after each time. It returns
// nil when ctx ended or the credentials never expire, and ErrExpired when they could not be
// renewed in time.
func (s *Session) Keep(ctx context.Context, renewed func(tc.Registration)) error {
	warned := false
	for first := true; ; first = false {
		r := s.Registration()
		if r.Expires.IsZero() {
			return nil
		}
		left := r.Expires.Sub(retry.Wall())
		in := spread(RenewIn(left), s.random())
		if !first {
			in = max(in, pause(left))
			if left <= 0 && !warned {
				warned = true
				s.log.Warn("new credentials seem to have expired already: the clock of this machine looks wrong", "expires", r.Expires)
			}
		}
		s.log.Info("credentials will be renewed", "expires", r.Expires, "in", in.Round(time.Second))
		if !retry.SleepUntil(ctx, retry.Wall().Add(in)) {
			return nil
		}
		err := s.Renew(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		renewed(s.Registration())
	}
}

// Renew renews the credentials now, for example those of a state that have expired while the
// machine was off: the service may still take them. It goes on trying until shortly before
// their end; after it only for a minute, and only while nobody answers. The error is
// ErrExpired when they could not be renewed in time.
func (s *Session) Renew(ctx context.Context) error {
	next, err := s.renew(ctx, s.Registration())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrExpired, err)
	}
	s.mu.Lock()
	s.now = next
	s.mu.Unlock()
	return nil
}

// renew tries until shortly before the end of the credentials, whatever the error: a refusal
// may have a cause that passes, and there is nothing else to do.
func (s *Session) renew(ctx context.Context, r tc.Registration) (next tc.Registration, err error) {
	left := r.Expires.Sub(retry.Wall())
	over := left <= 0
	policy := retry.Policy{
		Initial: 5 * time.Second, Factor: 2, Cap: time.Minute, Jitter: 0.25,
		Total: max(left-latest, time.Nanosecond),
		Notify: func(err error, wait time.Duration) {
			s.log.Warn("could not renew credentials; trying again", "error", err, "in", wait.Round(time.Second))
		},
	}
	if over {
		policy.Total = late
	}
	err = retry.Do(ctx, policy, func(ctx context.Context) error {
		next, err = s.attempt(ctx, r)
		if err != nil && over && !tc.Temporary(err) {
			return retry.Permanent(err)
		}
		return err
	})
	return next, err
}

// attempt renews once. A worker that may register again does so when its secret is refused,
// for example because the reply to the last renewal was lost.
func (s *Session) attempt(ctx context.Context, r tc.Registration) (tc.Registration, error) {
	client := s.client.WithPolicy(retry.Policy{Total: time.Nanosecond}) // one call
	next, err := client.WorkerManager(s.Credentials).Reregister(ctx, s.name, r.Secret)
	s.first.checkClock(client)
	if err == nil || tc.Temporary(err) || !s.again {
		return next, err
	}
	s.log.Warn("renewal was refused; registering afresh", "error", err)
	return s.first.register(ctx, client, retry.Policy{Attempts: 1})
}
