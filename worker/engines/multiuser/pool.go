package multiuser

import (
	"context"
	"errors"

	"github.com/workerkit/workerkit/internal/accounts"
)

// pool has accounts ready: some in its channel, and one more in the hands of its goroutine.
type pool struct {
	ready chan made
	ended context.Context    //nolint:containedctx // ends when no account is made any more
	rest  []accounts.Account // that nobody took from the goroutine's hands; final when ready is closed
}

// errEmpty means that no account will be made any more.
var errEmpty = errors.New("no further account is made")

// made is an account, or why there is none.
type made struct {
	account accounts.Account
	err     error
}

// fill returns a pool that has spare+1 accounts ready, and makes another one as soon as one is
// taken, until ctx ends. Then drain must be called.
func fill(ctx context.Context, spare int, create func(context.Context) (accounts.Account, error)) *pool {
	p := &pool{ready: make(chan made, max(0, spare)), ended: ctx}
	go func() { // drain waits for it
		defer close(p.ready)
		for ctx.Err() == nil {
			account, err := create(ctx)
			// After an error nothing is tried before somebody has heard of it.
			select {
			case p.ready <- made{account, err}:
			case <-ctx.Done():
				if err == nil {
					p.rest = append(p.rest, account)
				}
			}
		}
	}()
	return p
}

// seat returns a pool with one account and no other after it.
func seat(ctx context.Context, account accounts.Account) *pool {
	p := &pool{ready: make(chan made, 1), ended: ctx}
	p.ready <- made{account, nil}
	close(p.ready)
	return p
}

// take waits for an account. An error may be old, so it is given another chance.
func (p *pool) take(ctx context.Context) (accounts.Account, error) {
	var first error
	for range 2 {
		select {
		case m, open := <-p.ready:
			if !open {
				return accounts.Account{}, errors.Join(errEmpty, context.Cause(p.ended)) //nolint:contextcheck // why it is empty
			}
			if m.err == nil {
				return m.account, nil
			}
			first = errors.Join(first, m.err)
		case <-ctx.Done():
			return accounts.Account{}, context.Cause(ctx)
		}
	}
	return accounts.Account{}, first
}

// drain returns the accounts that nobody has taken, when no other is being made.
func (p *pool) drain() []accounts.Account {
	var left []accounts.Account
	for m := range p.ready {
		if m.err == nil {
			left = append(left, m.account)
		}
	}
	return append(left, p.rest...)
}
