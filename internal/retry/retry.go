// Package retry calls a function again, after growing jittered waits, until it succeeds,
// fails for good, the context ends or the policy's time is up.
package retry

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Policy says how long to wait between attempts and for how long to go on.
type Policy struct {
	Initial time.Duration // first wait; 0 means 500 ms
	Factor  float64       // growth of each further wait; 0 means 1.5
	Jitter  float64       // each wait varies by this fraction up and down; 0 means 0.5
	Cap     time.Duration // longest wait; 0 means 60 s
	Total   time.Duration // give up when the next wait would end later than this; 0 means never
	// Attempts is how often fn is called at most; 0 means as often as Total allows.
	Attempts uint
	// Notify, when not nil, is told of each failed attempt and of the wait that follows.
	Notify func(err error, wait time.Duration)
}

// API is the policy of Taskcluster's public clients: 0.5 s growing to 60 s, for 15 minutes.
func API() Policy { return Policy{Total: 15 * time.Minute} }

// Permanent marks err as not worth another attempt; Do returns err itself.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return backoff.Permanent(err)
}

const (
	// soon is the wait after an attempt that never left a machine without a network.
	soon = 50 * time.Millisecond
	// without is for how long such attempts are repeated soon. After that it is a failure like others.
	without = time.Minute
)

// Do calls fn until it returns nil or a Permanent error, ctx ends, or p.Total or
// p.Attempts is used up. As long as the machine has no network, which is so while it boots, it
// calls fn again soon: that costs nobody else anything, and the wait does not grow. Such attempts
// count only when p.Attempts bounds them.
// It returns fn's last error, joined with the cause of ctx when that is what ended it.
func Do(ctx context.Context, p Policy, fn func(context.Context) error) error {
	b := &backoff.ExponentialBackOff{
		InitialInterval:     or(p.Initial, 500*time.Millisecond),
		Multiplier:          or(p.Factor, 1.5),
		RandomizationFactor: or(p.Jitter, 0.5),
		MaxInterval:         or(p.Cap, time.Minute),
	}
	options := []backoff.RetryOption{backoff.WithBackOff(b), backoff.WithMaxElapsedTime(p.Total)}
	if p.Attempts > 0 {
		options = append(options, backoff.WithMaxTries(p.Attempts))
	}
	if p.Notify != nil {
		options = append(options, backoff.WithNotify(p.Notify))
	}
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = fn(ctx)
		for began := time.Now(); p.Attempts == 0 && offline(last) && time.Since(began) < without && sleep(ctx, soon); {
			last = fn(ctx)
		}
		return struct{}{}, last
	}, options...)
	if err == nil {
		return nil
	}
	if permanent, ok := errors.AsType[*backoff.PermanentError](last); ok {
		last = permanent.Unwrap()
	}
	if ctx.Err() != nil && !errors.Is(last, context.Cause(ctx)) {
		return errors.Join(last, context.Cause(ctx))
	}
	return last
}

// offline tells whether a call failed, and not for good, because this machine has no network: no way
// to the other side, or to a server of names.
func offline(err error) bool {
	if _, ok := errors.AsType[*backoff.PermanentError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok && errors.Is(err, refused) {
		return true // the server of names would be on this machine, and is not there yet
	}
	return errors.Is(err, unreachable) || errors.Is(err, syscall.ENETUNREACH)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
