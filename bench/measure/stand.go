package measure

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

// Pool is the worker pool of the machines that a Stand boots.
const Pool = "bench/worker"

// Stand is where programs are measured: a session whose services record every call.
type Stand struct {
	*session.Session

	calls    string
	machines int
}

// Main runs a benchmark on a stand of its own, with its flags, until it is done or a signal
// comes; everything is stopped and removed afterwards.
func Main(bench func(ctx context.Context, s *Stand) error) {
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	delay := flag.Duration("delay", 8*time.Millisecond, "how `long` every reply is held back")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := onStand(ctx, *bin, *delay, bench)
	stop()
	if err != nil {
		Exit(err)
	}
}

func onStand(ctx context.Context, bin string, delay time.Duration, bench func(context.Context, *Stand) error) (err error) {
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
	s := &Stand{calls: filepath.Join(dir, "calls")}
	s.Session, err = session.Open(ctx, programs, dir, "--delay", delay.String(), "--calls", s.calls,
		"--machines", "--start-worker", programs.StartWorker, "--generic-worker", programs.GenericWorker)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.AddPool(ctx, Pool, map[string]any{"requiredDiskSpaceMegabytes": 100}); err != nil {
		return err
	}
	return bench(ctx, s)
}

// Machine boots a further machine.
func (s *Stand) Machine(ctx context.Context) (*session.Machine, error) {
	s.machines++
	return s.Boot(ctx, session.Spec{Pool: Pool, Group: "bench", ID: fmt.Sprintf("machine-%d", s.machines)})
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
