package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/hostfacts"
	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/trim"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/launch"
)

// start is the command without a name: the whole life of the machine.
func (p program) start(path string) int {
	if service.Under() { // which hears of the end of anybody's session, and must take no notice
		return p.asService(path)
	}
	// A second signal ends the program at once: stop gives signals their usual effect back.
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	defer stop()
	context.AfterFunc(ctx, stop)
	return p.live(ctx, path)
}

// live is start until ctx ends, which stops the worker.
func (p program) live(ctx context.Context, path string) int {
	// The runner waits nearly always: little memory matters more than a few collections.
	debug.SetGCPercent(20)
	drains, done := heed(drainSignals())
	defer done()
	renewals, deaf := heed(renewSignals())
	defer deaf()
	manager := serviceManager()

	early := asking()
	o := p.options(early)
	c, warnings, err := config.Load(ctx, path, o)
	book := openBook(c.LogFormat, p.stderr, p.events)
	defer book.close()
	log := book.log
	if err := launch.Protect(os.Getpid()); err != nil {
		log.Warn("this program is not protected from the out-of-memory killer", "error", err)
	}
	for _, w := range warnings {
		log.Warn("config", "warning", w)
	}
	stopTrimming := trimAgain(log)
	defer stopTrimming()
	d := p.deps(c, log)
	d.DrainSignals, d.LastLines, d.Identified = drains, book.lines, book.identify
	d.RenewSignals, d.Supervised = renewals, manager != nil
	if manager != nil {
		d.Serve = together(d.Serve, (&teller{send: manager.send, busy: tasksRun, log: log, watchdog: manager.watchdog}).serve)
	}
	if err == nil {
		var closeServices func()
		d.Services, closeServices, err = workerServices(c)
		defer closeServices()
	}
	if err == nil {
		d.HTTP, err = tc.NewHTTPWith(tc.HTTPOptions{CAFile: c.CAFile})
	}
	for _, problem := range each(err) {
		log.Error("config", "problem", problem)
	}
	if socket := cmp.Or(c.ControlSocket, o.ControlSocket); (err != nil || c.Place.Kind.Ephemeral) && taken(ctx, socket) {
		log.Error("another start-worker looks after this machine: this one leaves it alone, and ends", "socket", socket)
		return 1
	}
	if err != nil {
		rule, hold := o.Lost(c)
		err = runner.Lost(ctx, rule, hold, err, d)
		return max(1, runner.ExitCode(err))
	}
	err = runner.Run(ctx, c, d)
	if told := new(runner.WorkerError); errors.As(err, &told) {
		log.Info("start-worker ends", "exit", told.ExitCode(), "row", told.Row)
	} else if err != nil {
		log.Error("start-worker ends", "error", err)
	}
	return runner.ExitCode(err)
}

// taken tells whether a start-worker listens on the socket. A second one, which somebody has
// started by hand, must not switch off the machine that the first one's worker works on.
func taken(ctx context.Context, socket string) bool {
	if socket == "" {
		return false
	}
	ctx, done := context.WithTimeout(ctx, answerWithin)
	defer done()
	_, err := control.NewClient(socket).Status(ctx)
	return err == nil || errors.Is(err, fs.ErrPermission) // which only another user's has
}

// deps are the real hands of the runner, but for those that a failure to read the config leaves
// out.
func (p program) deps(c config.Config, log *slog.Logger) runner.Deps {
	d := runner.Deps{
		Log:      log,
		HTTP:     tc.NewHTTP(),
		Metadata: imds.New(metadataPolicy(log)),
		Stdout:   p.stdout,
		Stderr:   p.stderr,
		BootTime: hostfacts.BootTime,
		BootID:   hostfacts.BootID,
		PowerOff: powerOff,
		Reboot:   reboot,
		Proves: func(kind providers.Kind) bool {
			proved, ok := config.Cloud(kinds(), p.host.facts())
			return ok && proved.Name == kind.Name
		},
		Patience:    15 * time.Minute,
		Fallback:    time.Minute,
		Grace:       time.Minute,
		HelloWithin: c.HelloWithin,
		RebootGrace: 2 * time.Minute,
	}
	if c.ControlSocket != "" {
		d.Serve = func(ctx context.Context, r control.Runner) {
			if err := control.Serve(ctx, c.ControlSocket, r); err != nil {
				log.Warn("status and drain cannot be asked for", "error", err)
			}
		}
	}
	return d
}

// metadataPolicy is how often a metadata service is asked that is not there yet, as in the first
// seconds after boot, or too busy.
func metadataPolicy(log *slog.Logger) retry.Policy {
	return retry.Policy{
		Initial: 100 * time.Millisecond, Factor: 1.5, Cap: 10 * time.Second, Total: 5 * time.Minute,
		Notify: nowAndThen(log),
	}
}

// nowAndThen tells the log of failed attempts, at most once a minute. Calls run in parallel.
func nowAndThen(log *slog.Logger) func(error, time.Duration) {
	var mu sync.Mutex
	var next time.Time
	return func(err error, wait time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); !now.Before(next) {
			next = now.Add(time.Minute)
			log.Warn("the metadata service does not answer yet; it is asked again", "error", err, "wait", wait)
		}
	}
}

// When the memory that only the start has needed is given back, and how often after that.
const trimFirst, trimAfter = 20 * time.Second, time.Minute

// trimAgain gives memory back from time to time, until the returned function is called.
func trimAgain(log *slog.Logger) (stop func()) {
	end := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		timer := time.NewTimer(trimFirst)
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
			case <-end:
				return
			}
			if _, err := trim.Trim(); err != nil {
				log.Warn("memory is not given back", "error", err)
				return
			}
			timer.Reset(trimAfter)
		}
	})
	return func() {
		close(end)
		all.Wait()
	}
}

// heed hands signals on, until the returned function is called.
func heed(which []os.Signal) (<-chan struct{}, func()) {
	if len(which) == 0 {
		return nil, func() {}
	}
	signals, heard, end := make(chan os.Signal, 1), make(chan struct{}, 1), make(chan struct{})
	signal.Notify(signals, which...)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-signals:
				select {
				case heard <- struct{}{}:
				default: // one is waiting to be heard already
				}
			case <-end:
				return
			}
		}
	})
	return heard, func() {
		signal.Stop(signals)
		close(end)
		all.Wait()
	}
}
