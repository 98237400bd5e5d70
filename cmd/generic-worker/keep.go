package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/multiuser"
	"github.com/workerkit/workerkit/worker/taskrun"
)

const (
	// openTime bounds what an engine does before the first run: a login may take minutes.
	openTime = 10 * time.Minute
	// closeTime bounds what an engine does after the last one: the machine may be about to go.
	closeTime = 10 * time.Second
)

// open lets the engines begin what they do between runs, until the returned function is called.
// code is what the program ends with when there is an error or nothing more to do.
func (p *program) open(ctx context.Context, kinds []taskrun.Kind) (shut func(), code int, err error) {
	var all []func()
	shut = func() {
		for _, one := range slices.Backward(all) {
			one()
		}
	}
	for _, kind := range kinds {
		keeper, ok := kind.Engine.(engines.Keeper)
		if !ok {
			continue
		}
		one, code, err := p.openOne(ctx, keeper)
		if one == nil {
			shut()
			return nil, code, err
		}
		all = append(all, one)
	}
	return shut, 0, nil
}

func (p *program) openOne(ctx context.Context, keeper engines.Keeper) (shut func(), code int, err error) {
	ctx, done := context.WithTimeout(ctx, openTime)
	defer done()
	err = keeper.Open(ctx)
	switch {
	case err == nil:
	case errors.Is(err, multiuser.ErrReboot):
		return nil, exitReboot, p.reboot("to log the next task's account in")
	case errors.Is(context.Cause(ctx), errLeaving):
		code, err = p.exit(worker.EndDrained) //nolint:contextcheck // ctx has ended
		return nil, code, err
	case errors.Is(err, multiuser.ErrHomes):
		return nil, exitInvalid, err
	default:
		return nil, exitInternal, err
	}
	return func() { //nolint:contextcheck // ctx is of the start
		ctx, done := context.WithTimeout(context.Background(), closeTime)
		defer done()
		if err := keeper.Close(ctx); err != nil {
			p.logger.Warn("the engine did not end cleanly", "error", err)
		}
	}, 0, nil
}

// reboot starts the machine again, unless its owner wants to do that.
func (p *program) reboot(why string) error {
	if p.config.DisableReboots {
		p.logger.Info("the machine has to be rebooted, which the configuration leaves to others", "why", why)
		return nil
	}
	p.settle()
	p.logger.Info("rebooting", "why", why)
	p.metrics.event("instanceReboot", time.Now(), "", 0)
	return p.power.reboot("generic-worker: " + why)
}

// oneTask tells whether this worker runs a task, and then has the machine rebooted for the next.
func (p *program) oneTask() bool {
	return p.engineName() == multiuser.Name && !p.config.HeadlessTasks
}
