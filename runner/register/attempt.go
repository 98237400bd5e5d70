package register

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
)

// registrar registers one worker, for the first time or again.
type registrar struct {
	Options
	provider providers.Provider
	clock    sync.Once
}

// register registers the worker; a proof that is refused for a reason that may pass is
// repeated by the policy proofs.
func (g *registrar) register(ctx context.Context, client *tc.Client, proofs retry.Policy) (r tc.Registration, err error) {
	seen := &attempts{}
	client = seen.watch(client)
	proofs.Notify = func(err error, wait time.Duration) {
		g.Log.Warn("registration was refused; trying again with a fresh proof", "error", err, "in", wait.Round(time.Second))
	}
	err = retry.Do(ctx, proofs, func(ctx context.Context) error {
		proof, err := g.provider.Proof(ctx)
		if err != nil {
			return retry.Permanent(fmt.Errorf("prove the worker's identity: %w", err))
		}
		r, err = client.WorkerManager(tc.Anonymous()).Register(ctx, Name(g.Identity), g.Identity.ProviderID, proof, g.BootTime)
		g.checkClock(client)
		if err == nil {
			return nil
		}
		if tc.Temporary(err) || !judge(err, g.Repeatable).passing {
			err = retry.Permanent(err)
		}
		return err
	})
	if err != nil {
		return tc.Registration{}, g.explain(err, seen.lost != nil)
	}
	return r, nil
}

// explain says what an error means and what to do about it. lost tells that a reply to an
// earlier attempt may have been lost.
func (g *registrar) explain(err error, lost bool) error {
	if tc.Status(err) == 0 || tc.Temporary(err) {
		return withHint(fmt.Errorf("could not register worker: %w", err), unanswered(err))
	}
	refused := judge(err, g.Repeatable)
	if refused.running || (lost && refused.opaque && !g.Repeatable) {
		const why = "either the reply to an attempt to register was lost, or the machine has rebooted without a state (cacheOverRestarts), or it was removed meanwhile"
		if lost {
			return fmt.Errorf("could not register worker: %w: %w; an earlier attempt got no reply: %s", ErrAlreadyRunning, err, why)
		}
		return fmt.Errorf("could not register worker: %w: %w; %s", ErrAlreadyRunning, err, why)
	}
	return withHint(fmt.Errorf("could not register worker: %w", err), refused.hint)
}

func withHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, hint)
}

// wrong is how far a clock may be off before that is worth a word. Taskcluster accepts calls
// within 15 minutes; certificates and the clouds' documents are stricter.
const wrong = time.Minute

// checkClock warns, once, when this machine's clock is wrong.
func (g *registrar) checkClock(client *tc.Client) {
	skew, known := client.Skew()
	if !known || skew.Abs() <= wrong {
		return
	}
	g.clock.Do(func() {
		direction := "ahead"
		if skew < 0 {
			direction = "behind"
		}
		g.Log.Warn("the clock of this machine is wrong: set it by NTP, or credentials and certificates will be refused", "by", skew.Abs().Round(time.Second), "direction", direction)
	})
}

// attempts remembers what was repeated on the way to a registration.
type attempts struct {
	lost error // of an attempt that may have succeeded though its reply never came
}

// watch is the client, with failed attempts noted.
func (a *attempts) watch(client *tc.Client) *tc.Client {
	policy := client.Policy()
	inner := policy.Notify
	policy.Notify = func(err error, wait time.Duration) {
		if mayHaveArrived(err) {
			a.lost = err
		}
		if inner != nil {
			inner(err, wait)
		}
	}
	return client.WithPolicy(policy)
}

// mayHaveArrived tells whether a call that failed may have been carried out.
func mayHaveArrived(err error) bool {
	if status := tc.Status(err); status != 0 {
		return status >= http.StatusInternalServerError
	}
	var op *net.OpError
	return !errors.As(err, &op) || op.Op != "dial"
}
