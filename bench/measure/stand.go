package measure

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/isolated"
	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

// Pool is the worker pool of the machines that a Stand boots.
const Pool = "bench/worker"

// Stand is where programs are measured: a session whose services record every call.
type Stand struct {
	*session.Session
	Engine string // of the workers

	calls    string
	machines int
}

// Main runs a benchmark on a stand of its own, with its flags, until it is done or a signal
// comes; everything is stopped and removed afterwards. serve are further arguments of
// taskcluster-local serve.
func Main(bench func(ctx context.Context, s *Stand) error, serve ...string) {
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	delay := flag.Duration("delay", 8*time.Millisecond, "how `long` every reply is held back")
	engine := flag.String("engine", insecure, "the `engine` of the workers: insecure, or multiuser, which needs root and runs everything in namespaces of its own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *engine == multiuser && !isolated.Entered() {
		err = again(*bin)
	} else {
		s := &Stand{Engine: *engine}
		err = s.run(ctx, *bin, append([]string{"--delay", delay.String()}, serve...), bench)
	}
	stop()
	if err != nil {
		Exit(err)
	}
}

// On runs a benchmark on a stand of its own, with the programs of a folder and workers of an engine;
// everything is stopped and removed afterwards. serve are further arguments of taskcluster-local serve.
func On(ctx context.Context, engine, bin string, serve []string, bench func(context.Context, *Stand) error) error {
	return (&Stand{Engine: engine}).run(ctx, bin, serve, bench)
}

// run sets the stand up, runs a benchmark on it, and takes it down.
func (s *Stand) run(ctx context.Context, bin string, serve []string, bench func(context.Context, *Stand) error) (err error) {
	bin, err = filepath.Abs(bin)
	if err != nil {
		return err
	}
	programs, err := session.FindIn(bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "workerkit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s.calls = filepath.Join(dir, "calls")
	s.Session, err = session.Open(ctx, programs, dir, append([]string{"--calls", s.calls,
		"--machines", "--start-worker", programs.StartWorker, "--generic-worker", programs.GenericWorker}, serve...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.NewPool(ctx, Pool); err != nil {
		return err
	}
	return bench(ctx, s)
}

// NewPool makes a further pool of static machines.
func (s *Stand) NewPool(ctx context.Context, pool string) error {
	return s.AddPool(ctx, pool, map[string]any{"requiredDiskSpaceMegabytes": 100})
}

// Machine boots a further machine of Pool.
func (s *Stand) Machine(ctx context.Context) (*session.Machine, error) {
	return s.MachineIn(ctx, Pool, 1, nil)
}

// MachineIn boots a further machine of a pool, whose worker runs so many tasks at the same time and
// has these keys of workerkit.
func (s *Stand) MachineIn(ctx context.Context, pool string, capacity int, workerkit map[string]any) (*session.Machine, error) {
	s.machines++
	keys := map[string]any{"engine": s.Engine}
	maps.Copy(keys, workerkit)
	config := map[string]any{"capacity": capacity, "workerkit": keys}
	if s.Engine == multiuser {
		config["headlessTasks"], config["tasksDir"] = true, "/home"
	}
	return s.Boot(ctx, session.Spec{Pool: pool, Group: "bench", ID: fmt.Sprintf("machine-%d", s.machines), Config: config})
}

// Task creates a task of Pool that runs the commands.
func (s *Stand) Task(ctx context.Context, commands ...[]string) (taskID string, err error) {
	return s.TaskIn(ctx, Pool, commands...)
}

// TaskIn creates a task of a pool that runs the commands.
func (s *Stand) TaskIn(ctx context.Context, pool string, commands ...[]string) (taskID string, err error) {
	payload, err := json.Marshal(map[string]any{"command": commands, "maxRunTime": 3600})
	if err != nil {
		return "", fmt.Errorf("encode the payload: %w", err)
	}
	definition := tasks.Definition{"payload": payload}
	if err := definition.Fill(tasks.Defaults{Queue: pool, Name: "bench", Now: time.Now()}); err != nil {
		return "", err
	}
	taskID = slugid.Nice()
	return taskID, s.Tasks().Create(ctx, taskID, definition.JSON())
}

// Await looks at the recorded calls, without making any, until enough of them are of the
// method, and returns all calls.
func (s *Stand) Await(ctx context.Context, service, method string, enough int) ([]Call, error) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		calls, err := ReadCalls(s.calls)
		if err != nil {
			return nil, err
		}
		if len(Of(calls, service, method)) >= enough {
			return calls, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Of picks the calls of one method.
func Of(calls []Call, service, method string) []Call {
	var picked []Call
	for _, c := range calls {
		if c.Service == service && c.Method == method {
			picked = append(picked, c)
		}
	}
	return picked
}
