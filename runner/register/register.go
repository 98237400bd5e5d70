// Package register is the runner's side of worker-manager: it registers the worker, keeps its
// credentials fresh, passes on its error reports and removes it.
package register

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
)

// Session is a worker that worker-manager knows, or that brought its own credentials. Its
// methods may be called from any goroutine, Keep once.
type Session struct {
	client *tc.Client
	name   tc.WorkerName
	log    *slog.Logger
	first  *registrar // which registered the worker, and may do so again
	again  bool       // it may
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
	// Repeatable says that the worker may register again at any time: it is somebody's own
	// machine, not one that worker-manager made.
	Repeatable bool
	// Proofs is how a refused proof is repeated; the zero value stands for Proofs().
	Proofs retry.Policy
}

// Name is the worker's name.
func Name(id providers.Identity) tc.WorkerName {
	return tc.WorkerName{Pool: id.WorkerPoolID, Group: id.WorkerGroup, ID: id.WorkerID}
}

func session(g *registrar, r tc.Registration) *Session {
	return &Session{
		client: g.Client, name: Name(g.Identity), log: g.Log, random: rand.Float64, now: r,
		first: g, again: g.Repeatable && !r.Expires.IsZero(),
	}
}

// New registers the worker, or takes the credentials that the provider brings along. It
// returns the pool's worker config, nil when there was no registration. Calls that fail are
// repeated by the client's policy, refused proofs by o.Proofs. The error says what to do; it
// is ErrAlreadyRunning when the machine cannot register because it has done so before.
func New(ctx context.Context, o Options, p providers.Provider) (*Session, json.RawMessage, error) {
	g := &registrar{Options: o, provider: p}
	if r, ok := brought(p); ok {
		return session(g, r), nil, nil
	}
	proofs := o.Proofs
	if proofs.Attempts == 0 {
		proofs = Proofs()
	}
	r, err := g.register(ctx, o.Client, proofs)
	if err != nil {
		return nil, nil, err
	}
	return session(g, r), r.WorkerConfig, nil
}

// Resume goes on with credentials from before a restart. Those that the provider brings along
// come from the provider, which may have been given new ones since.
func Resume(o Options, p providers.Provider, r tc.Registration) *Session {
	if own, ok := brought(p); ok {
		r = own
	}
	return session(&registrar{Options: o, provider: p}, r)
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

// Credentials are the newest ones; it is a tc.Source.
func (s *Session) Credentials() tc.Credentials { return s.Registration().Credentials }

// Registration is the newest one.
func (s *Session) Registration() tc.Registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Report passes an error of the worker on to worker-manager.
func (s *Session) Report(ctx context.Context, e tc.WorkerError) error {
	return s.client.WorkerManager(s.Credentials).ReportError(ctx, s.name, e)
}

// Remove says that the worker has ended.
func (s *Session) Remove(ctx context.Context) error {
	return s.client.WorkerManager(s.Credentials).Remove(ctx, s.name)
}
