// Package register is the runner's side of worker-manager: it registers the worker, keeps its
// credentials fresh, passes on its error reports and removes it.
package register

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
)

// ErrExpired means that credentials could not be renewed before their end.
var ErrExpired = errors.New("the worker's credentials could not be renewed in time")

// Session is a worker that worker-manager knows, or that brought its own credentials. Its
// methods may be called from any goroutine, Keep once.
type Session struct {
	client *tc.Client
	name   tc.WorkerName
	log    *slog.Logger
	again  func(context.Context, *tc.Client) (tc.Registration, error) // registers afresh; nil when that cannot be
	random func() float64

	mu  sync.Mutex
	now tc.Registration
}

// Options are what a session needs.
type Options struct {
	Client   *tc.Client
	Identity providers.Identity
	Log      *slog.Logger
	BootTime time.Time // zero when it is not known
	// Repeatable says that the worker may register again at any time.
	Repeatable bool
}

// Name is the worker's name.
func Name(id providers.Identity) tc.WorkerName {
	return tc.WorkerName{Pool: id.WorkerPoolID, Group: id.WorkerGroup, ID: id.WorkerID}
}

func session(o Options, p providers.Provider, r tc.Registration) *Session {
	s := &Session{client: o.Client, name: Name(o.Identity), log: o.Log, random: rand.Float64, now: r}
	if o.Repeatable && !r.Expires.IsZero() {
		s.again = func(ctx context.Context, client *tc.Client) (tc.Registration, error) {
			return register(ctx, client, o, p)
		}
	}
	return s
}

// New registers the worker, or takes the credentials that the provider brings along. It
// returns the pool's worker config, nil when there was no registration.
func New(ctx context.Context, o Options, p providers.Provider) (*Session, json.RawMessage, error) {
	if r, ok := brought(p); ok {
		return session(o, p, r), nil, nil
	}
	r, err := register(ctx, o.Client, o, p)
	if err != nil {
		return nil, nil, err
	}
	return session(o, p, r), r.WorkerConfig, nil
}

// Resume goes on with credentials from before a restart. Those that the provider brings along
// come from the provider, which may have been given new ones since.
func Resume(o Options, p providers.Provider, r tc.Registration) *Session {
	if own, ok := brought(p); ok {
		r = own
	}
	return session(o, p, r)
}

// brought are the credentials that the provider brings along, if it does.
func brought(p providers.Provider) (tc.Registration, bool) {
	own, ok := p.(providers.Credentialed)
	if !ok {
		return tc.Registration{}, false
	}
	clientID, token := own.Credentials()
	return tc.Registration{Credentials: tc.Credentials{ClientID: clientID, AccessToken: secret.New(token)}}, true
}

// Use makes all further calls go through another client, for example one with more patience.
// Call it before other goroutines use the session.
func (s *Session) Use(client *tc.Client) { s.client = client }

func register(ctx context.Context, client *tc.Client, o Options, p providers.Provider) (tc.Registration, error) {
	proof, err := p.Proof(ctx)
	if err != nil {
		return tc.Registration{}, fmt.Errorf("prove the worker's identity: %w", err)
	}
	r, err := client.WorkerManager(tc.Anonymous()).Register(ctx, Name(o.Identity), o.Identity.ProviderID, proof, o.BootTime)
	if err != nil {
		return tc.Registration{}, fmt.Errorf("could not register worker: %w", err)
	}
	return r, nil
}

// Credentials are the newest ones; it is a tc.Source.
func (s *Session) Credentials() tc.Credentials { return s.Registration().Credentials }

// Registration is the newest one.
func (s *Session) Registration() tc.Registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

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
		next, err := s.renew(ctx, r)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrExpired, err)
		}
		s.mu.Lock()
		s.now = next
		s.mu.Unlock()
		renewed(next)
	}
}

// renew tries until shortly before the end of the credentials, whatever the error: a refusal
// may have a cause that passes, and there is nothing else to do.
func (s *Session) renew(ctx context.Context, r tc.Registration) (next tc.Registration, err error) {
	policy := retry.Policy{
		Initial: 5 * time.Second, Factor: 2, Cap: 5 * time.Minute, Jitter: 0.25,
		Total: max(r.Expires.Add(-latest).Sub(retry.Wall()), time.Nanosecond),
		Notify: func(err error, wait time.Duration) {
			s.log.Warn("could not renew credentials; trying again", "error", err, "in", wait.Round(time.Second))
		},
	}
	err = retry.Do(ctx, policy, func(ctx context.Context) error {
		next, err = s.attempt(ctx, r)
		return err
	})
	return next, err
}

// attempt renews once. A worker that may register again does so when its secret is refused,
// for example because the reply to the last renewal was lost.
func (s *Session) attempt(ctx context.Context, r tc.Registration) (tc.Registration, error) {
	client := s.client.WithPolicy(retry.Policy{Total: time.Nanosecond}) // one call
	next, err := client.WorkerManager(s.Credentials).Reregister(ctx, s.name, r.Secret)
	if err == nil || tc.Temporary(err) || s.again == nil {
		return next, err
	}
	s.log.Warn("renewal was refused; registering afresh", "error", err)
	return s.again(ctx, client)
}

// Report passes an error of the worker on to worker-manager.
func (s *Session) Report(ctx context.Context, e tc.WorkerError) error {
	return s.client.WorkerManager(s.Credentials).ReportError(ctx, s.name, e)
}

// Remove says that the worker has ended.
func (s *Session) Remove(ctx context.Context) error {
	return s.client.WorkerManager(s.Credentials).Remove(ctx, s.name)
}
