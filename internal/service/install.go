package service

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Install registers a service; already tells that it was registered just so, and what else belongs to
// it is then set again: an installation may have been cut off. When a part of a new one fails,
// nothing stays behind.
func Install(m Manager, events Sources, d Definition) (already bool, err error) {
	switch there, err := m.Find(d.Name); {
	case err == nil && d.same(there):
		return true, setUp(m, events, d)
	case err == nil:
		return false, fmt.Errorf("the service %q is there already, as another one (it %s, and runs %s): uninstall it first", d.Name, there.starts(), there.command())
	case !errors.Is(err, ErrNotInstalled):
		return false, fmt.Errorf("look for the service %q: %w", d.Name, err)
	}
	if err := m.Create(d); err != nil {
		return false, fmt.Errorf("register the service %q: %w", d.Name, err)
	}
	if err = setUp(m, events, d); err == nil {
		return false, nil
	}
	if undo := m.Delete(d.Name); undo != nil {
		return false, errors.Join(err, fmt.Errorf("it is half installed, as it cannot be removed again: %w", undo))
	}
	return false, err
}

// setUp sets what a registered service needs besides.
func setUp(m Manager, events Sources, d Definition) error {
	err := m.Configure(d)
	if err == nil {
		err = events.Register(d.Name)
	}
	if err != nil {
		return fmt.Errorf("set up the service %q: %w", d.Name, err)
	}
	return nil
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
	limited, done := context.WithTimeout(ctx, patience)
	defer done()
	err := Stop(limited, c, name)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the service %q was asked to stop, and still runs after %v: it is not removed; try again when it has ended", name, patience)
	}
	return err
}

// Stop asks a service to stop, as soon as it takes orders, and waits until it has stopped: one that
// starts or is ending takes none.
func Stop(ctx context.Context, c Controller, name string) error {
	asked := false
	return untilStopped(ctx, c, name, func(now State) error {
		if asked || now == StartPending || now == StopPending {
			return nil
		}
		err := c.Stop(name)
		asked = err == nil
		if err == nil || errors.Is(err, ErrNotRunning) {
			return nil
		}
		return fmt.Errorf("stop the service %q: %w", name, err)
	})
}

// WaitStopped waits until a service has stopped.
func WaitStopped(ctx context.Context, c Controller, name string) error {
	return untilStopped(ctx, c, name, func(State) error { return nil })
}

// untilStopped calls each with the state of a service as long as it has not stopped.
func untilStopped(ctx context.Context, c Controller, name string, each func(State) error) error {
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
		if err := each(s.State); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the service %q is still %s: %w", name, s.State, ctx.Err())
		}
	}
}
