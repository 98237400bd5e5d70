package docker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	between = time.Second      // attempts
	silence = 10 * time.Second // between words about what is waited for
)

// Await is Open for a program that may start before the engine, as at the boot of a machine: it tries
// again each second for so long. say is told every 10 seconds why none answers. An address that is
// none, and sockets that this user may not open, are an error at once.
func Await(ctx context.Context, host string, patience time.Duration, say func(why error)) (*Engine, error) {
	waiting, done := context.WithTimeout(ctx, patience)
	defer done()
	tick := time.NewTicker(between)
	defer tick.Stop()
	var last error
	var said time.Time
	for {
		engine, hopeless, err := find(waiting, host)
		switch {
		case err == nil:
			return engine, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case hopeless:
			return nil, err
		case errors.Is(err, ErrNoEngine):
			last = err
		}
		if last != nil && waiting.Err() == nil && time.Since(said) >= silence {
			say(last)
			said = time.Now()
		}
		select {
		case <-tick.C:
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if last == nil { // the first attempt took it all
				last = fmt.Errorf("docker: %w", ErrNoEngine)
			}
			return nil, fmt.Errorf("waited %s: %w", patience, last)
		}
	}
}
