package service

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"
)

// Surroundings are what a program gets that runs as a service: it has no terminal.
type Surroundings struct {
	Name   string       // the service's
	Output *os.File     // takes the place of standard output and error: the log file
	Events slog.Handler // the event log: warnings and errors
}

// Main is a program. It ends soon after ctx has ended, whose cause says why, and returns its exit
// code.
type Main func(ctx context.Context, s Surroundings) int

var (
	// ErrStop is the cause when somebody stops the service.
	ErrStop = errors.New("the service was asked to stop")
	// ErrShutdown is the cause when the machine shuts down.
	ErrShutdown = errors.New("the machine is shutting down")
)

// request is what the system wants of a service.
type request int

const (
	interrogate request = iota // say how it is
	stop
	shutdown // or preshutdown, which comes earlier and leaves more time
)

// progress is what a service tells the system.
type progress struct {
	state      State
	checkpoint uint32 // grows while the service is busy with a change of its state
	hint       time.Duration
}

// How often a service that ends says that it is still at it, and what it promises: the system
// takes one that has not said anything for so long for one that hangs.
const (
	stillStopping = time.Second
	stopHint      = 10 * time.Second
)

// serve runs a program as a service: it obeys requests and reports until the program has ended,
// however long that takes.
func serve(requests <-chan request, report func(progress), program func(context.Context) int) (code int) {
	report(progress{state: StartPending, hint: stopHint})
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	ended := make(chan int, 1)
	go func() { ended <- program(ctx) }()
	now := progress{state: Running}
	report(now)
	var tick <-chan time.Time
	for {
		select {
		case code := <-ended:
			return code
		case r := <-requests:
			if r != interrogate && now.state == Running {
				cancel(cause(r))
				ticker := time.NewTicker(stillStopping)
				defer ticker.Stop()
				now, tick = progress{state: StopPending, hint: stopHint}, ticker.C
			}
			report(now)
		case <-tick:
			now.checkpoint++
			report(now)
		}
	}
}

func cause(r request) error {
	if r == stop {
		return ErrStop
	}
	return ErrShutdown
}
