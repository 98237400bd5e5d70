package service

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Install registers a service; already tells that it was registered just so. When a part of it
// fails, nothing stays behind.
func Install(m Manager, events Sources, d Definition) (already bool, err error) {
	switch there, err := m.Find(d.Name); {
	case err == nil && d.same(there):
		return true, nil
	case err == nil:
		return false, fmt.Errorf("the service %q is there already, as another one (it %s, and runs %s): uninstall it first", d.Name, there.starts(), there.command())
	case !errors.Is(err, ErrNotInstalled):
		return false, fmt.Errorf("look for the service %q: %w", d.Name, err)
	}
	if err := m.Create(d); err != nil {
		return false, fmt.Errorf("register the service %q: %w", d.Name, err)
	}
	err = m.Configure(d)
	if err == nil {
		err = events.Register(d.Name)
	}
	if err == nil {
		return false, nil
	}
	err = fmt.Errorf("set up the service %q: %w", d.Name, err)
	if undo := m.Delete(d.Name); undo != nil {
		return false, errors.Join(err, fmt.Errorf("it is half installed, as it cannot be removed again: %w", undo))
	}
	return false, err
}

// polling is how often a service is asked whether it has ended.
const polling = 200 * time.Millisecond

// Uninstall removes a service. One that runs is first asked to stop, which stopping is told of,
// and gets patience for it: one that still runs then stays installed.
func Uninstall(ctx context.Context, m Manager, events Sources, c Controller, name string, patience time.Duration, stopping func()) error {
	if _, err := m.Find(name); err != nil {
		return fmt.Errorf("the service %q: %w", name, err)
	}
	s, err := c.Status(name)
	if err != nil {
		return fmt.Errorf("ask for the service %q: %w", name, err)
	}
	if s.State != Stopped {
		stopping()
		if err := stopAndWait(ctx, c, name, patience); err != nil {
			return err
		}
	}
	if err := m.Delete(name); err != nil {
		return fmt.Errorf("remove the service %q: %w", name, err)
	}
	if err := events.Remove(name); err != nil {
		return fmt.Errorf("the service %q is removed, but not its source in the event log: %w", name, err)
	}
	return nil
}

func stopAndWait(ctx context.Context, c Controller, name string, patience time.Duration) error {
	if err := c.Stop(name); err != nil && !errors.Is(err, ErrNotRunning) {
		return fmt.Errorf("stop the service %q: %w", name, err)
	}
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	err := WaitStopped(ctx, c, name)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the service %q was asked to stop, and still runs after %v: it is not removed; try again when it has ended", name, patience)
	}
	return err
}

// WaitStopped waits until a service has stopped.
func WaitStopped(ctx context.Context, c Controller, name string) error {
	tick := time.NewTicker(polling)
	defer tick.Stop()
	for {
		s, err := c.Status(name)
		if err != nil {
			return fmt.Errorf("ask for the service %q: %w", name, err)
		}
		if s.State == Stopped {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the service %q is still %s: %w", name, s.State, ctx.Err())
		}
	}
}
