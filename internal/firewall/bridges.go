package firewall

import (
	"context"
	"fmt"
	"sync"
)

// Bridges keeps the metadata services closed to what is behind some of this machine's bridges: the
// containers in their networks, whatever rights they have in there. Its methods may be called
// concurrently.
type Bridges struct {
	owner, prefix string

	mu    sync.Mutex
	rules bridgeRules // nil before the first Deny
}

// bridgeRules is a tool of the system that keeps rules.
type bridgeRules interface {
	set(ctx context.Context) error
	// intact tells whether it is certain that nobody has changed any rule since set.
	intact() bool
	remove(ctx context.Context) error
}

// NewBridges is about bridges whose names begin with prefix; it changes nothing yet. Of two workers on
// one machine each has another owner; a worker that is started again replaces the rules of its owner.
func NewBridges(owner, prefix string) *Bridges { return &Bridges{owner: owner, prefix: prefix} }

// Deny closes the services, also to bridges that are made later. It puts the rules back if somebody
// has removed them, and is quick when all is as it was: it is meant to be called before each task.
func (b *Bridges) Deny(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rules == nil {
		found, err := findBridges(b.owner, b.prefix)
		if err != nil {
			return fmt.Errorf("close the metadata services to containers: %w", err)
		}
		b.rules = found
	} else if b.rules.intact() {
		return nil
	}
	if err := b.rules.set(ctx); err != nil {
		return fmt.Errorf("close the metadata services to containers: %w", err)
	}
	return nil
}

// Close removes the rules.
func (b *Bridges) Close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rules == nil {
		return nil
	}
	if err := b.rules.remove(ctx); err != nil {
		return fmt.Errorf("open the metadata services again: %w", err)
	}
	b.rules = nil
	return nil
}
