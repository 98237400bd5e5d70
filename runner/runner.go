// Package runner is the life of a machine that becomes a worker: find out who it is, register,
// render the worker's config, launch the worker, keep its credentials fresh, and give the
// machine back when the work has ended, or cannot begin.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/launch"
)

// Deps are the runner's hands. Only cmd/start-worker fills them with the real ones.
type Deps struct {
	Log  *slog.Logger
	HTTP *http.Client
	// Metadata carries the calls of metadata services; see internal/imds.
	Metadata http.RoundTripper
	// Stdout gets what the dummy worker prints; Stderr is the worker's standard error, best a
	// file.
	Stdout, Stderr io.Writer
	BootTime       func() (time.Time, error)
	// Services are the system's, for a worker that is a Windows service; nil where there are none.
	Services launch.System
	// BootID names this boot of the machine, for the state; nil when nobody knows.
	BootID func() (string, error)
	// PowerOff switches the machine off, and Reboot boots it again: the only commands that can
	// do so. They are repeated when they fail.
	PowerOff, Reboot func(context.Context) error
	// Proves tells whether the firmware says that the machine is of the kind; nil when nobody
	// knows. A cloud's machine that neither its firmware nor its metadata service vouches for is
	// never switched off: somebody tries the config on a computer of their own.
	Proves func(providers.Kind) bool
	// Patience is how long calls to a deployment that does not answer are repeated, Fallback
	// how long they are when there is saved state to go on with.
	Patience, Fallback time.Duration
	// Grace is how long a worker that must end at once may take before it is killed.
	Grace time.Duration
	// HelloWithin is how long a worker may take to say hello before it is killed and counts as
	// crashed; 0 is for ever.
	HelloWithin time.Duration
	// RebootGrace is how long a worker that boots the machine again itself may take for it.
	RebootGrace time.Duration
	// Serve answers status and drain, until its context ends; nil when nobody can ask.
	Serve func(context.Context, control.Runner)
	// DrainSignals asks, with each value, that the worker finishes its tasks and ends; may be
	// nil.
	DrainSignals <-chan struct{}
	// RenewSignals asks, with each value, that the worker finishes its tasks and ends, and that the
	// work goes on with what is installed by then; may be nil.
	RenewSignals <-chan struct{}
	// Supervised says that whoever has started this program starts it again when it ends with
	// ExitAgain.
	Supervised bool
	// LastLines are the last lines of the log, for error reports; may be nil.
	LastLines func() []string
	// Identified is told who the machine is, for the records of the log; may be nil.
	Identified func(providers.Identity)
	// Random is in [0, 1); nil means a good source.
	Random func() float64
}

// runner is what stays the same during a run.
type runner struct {
	config   config.Config
	deps     Deps
	log      *slog.Logger
	begin    time.Time
	identity providers.Identity
	client   *tc.Client
	ours     *probe
	board    *board
	tell     *teller
	reported atomic.Bool // our own failure
	strange  sync.Once   // a hold file that does not count was seen
	answered bool        // the place itself has said that this is one of its machines
}

func newRunner(ctx context.Context, c config.Config, d Deps) *runner {
	if d.Random == nil {
		d.Random = rand.Float64
	}
	return &runner{config: c, deps: d, log: d.Log, begin: time.Now(), ours: newProbe(ctx, c), board: newBoard(), tell: newTeller(d.Log, d.Grace)}
}

// Run is the whole life of a machine; it returns when the work has ended and the machine is
// taken care of as c.Policy says. When ctx ends, the worker is asked to end, and killed after
// Deps.Grace. The error, when there is one, has the ExitCode for the program.
func Run(ctx context.Context, c config.Config, d Deps) error {
	r := newRunner(ctx, c, d)
	defer r.ours.wait()
	stop := r.serve(ctx)
	defer stop()
	provider := c.Place.Kind.New(c.Place.Values, providers.Deps{Log: d.Log, Metadata: d.Metadata})
	m, err := r.prepare(ctx, provider)
	if c.Worker.Implementation == config.Dummy { // shows what would be, and leaves the machine alone
		if err != nil {
			return err
		}
		return r.show(m)
	}
	if err != nil {
		return r.settle(ctx, m, r.failed(ctx, err))
	}
	return r.settle(ctx, m, r.work(ctx, provider, m))
}

// prepare makes the machine one that can work. With an error the machine is nil unless it has
// registered.
func (r *runner) prepare(ctx context.Context, p providers.Provider) (*machine, error) {
	kind := r.config.Place.Kind.Name
	err := r.board.timed("identify", func() (err error) {
		r.identity, err = p.Identify(ctx)
		return err
	})
	r.answered = err == nil || errors.Is(err, providers.ErrLeaving)
	if errors.Is(err, providers.ErrLeaving) {
		r.log.Error("the place takes this machine away already; it does not register")
	}
	if err != nil {
		return nil, fmt.Errorf("identify the worker as one of %s (%s): %w", kind, r.config.Place.Why, err)
	}
	id := r.identity
	r.board.identified(kind, id)
	if r.deps.Identified != nil {
		r.deps.Identified(id)
	}
	say(ctx, r.log, slog.LevelInfo, "Identified as worker "+id.WorkerGroup+"/"+id.WorkerID, slog.String("provider", kind), slog.String("because", r.config.Place.Why))
	r.client = tc.New(id.RootURL, r.deps.HTTP, r.patience(r.deps.Patience))
	r.board.enter(control.Registering)
	m, err := r.bringUp(ctx, p)
	if m != nil {
		r.board.change(func(s *control.Status) { s.CredentialsExpire = m.session.Registration().Expires })
	}
	return m, err
}

// patience is how long calls are repeated, and how the log hears of it.
func (r *runner) patience(total time.Duration) retry.Policy {
	p := retry.API()
	p.Total = total
	p.Notify = r.noAnswer()
	return p
}

// serve answers commands and obeys drain signals until the returned function is called.
func (r *runner) serve(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // also while the machine is held
	var wg sync.WaitGroup
	if r.deps.Serve != nil {
		wg.Go(func() { r.deps.Serve(ctx, front{r}) })
	}
	if r.deps.DrainSignals != nil || r.deps.RenewSignals != nil {
		wg.Go(func() { r.obeySignals(ctx) })
	}
	return func() {
		cancel()
		wg.Wait()
	}
}
