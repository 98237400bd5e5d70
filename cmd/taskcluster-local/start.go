package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

const (
	// ownPool is the worker pool of the machine that run and demo boot.
	ownPool = "local/worker"
	// engineAnswer is how long Docker or Podman may take to say that it is there.
	engineAnswer = 5 * time.Second
	// tail is how many lines of a machine's log explain its end.
	tail = 15
)

// errEnded is wrapped when the machine that was started ends under the task.
var errEnded = errors.New("the worker that was started for the task has ended")

// startPlace boots a machine on an embedded Taskcluster.
func startPlace(ctx context.Context, flags runFlags, config map[string]any, stderr io.Writer) (*place, error) {
	programs, err := session.Find()
	if err != nil {
		return nil, err
	}
	containers := config["d2gConfig"] != nil
	if containers {
		if err := findEngine(ctx); err != nil {
			return nil, err
		}
	}
	dir, clean, err := dataFolder(flags.data)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(stderr, "starting a Taskcluster and a worker in", dir)
	if containers {
		fmt.Fprintln(stderr, "the task is for docker-worker: it runs in a container of the Docker or Podman of this computer (at DOCKER_HOST where that is set)")
	}
	s, err := session.Open(ctx, programs, dir)
	if err != nil {
		return nil, kept(ctx, err, dir, clean)
	}
	pool := cmp.Or(flags.queue, ownPool)
	machine, err := bootMachine(ctx, s, pool, config)
	if err != nil {
		return nil, kept(ctx, errors.Join(err, s.Close()), dir, clean)
	}
	return &place{
		queue: s.Tasks(),
		pool:  pool,
		poll:  100 * time.Millisecond,
		watch: func(ctx context.Context) (context.Context, func()) { return watch(ctx, machine) },
		waiting: func() string {
			return fmt.Sprintf("the one that was started is of the pool %s, and the last line of its log is: %s", pool, machine.Tail(1)[0])
		},
		close: func(result error) error {
			err := s.Close()
			if !errors.Is(result, errEnded) {
				return errors.Join(err, clean())
			}
			fmt.Fprintf(stderr, "the end of the worker's log:\n  %s\n", strings.Join(machine.Tail(tail), "\n  "))
			fmt.Fprintln(stderr, "what the programs wrote is kept in", dir)
			return err
		},
	}, nil
}

// kept leaves what there is to read of a start that failed, unless that was an interruption.
func kept(ctx context.Context, err error, dir string, clean func() error) error {
	if ctx.Err() != nil {
		return errors.Join(err, clean())
	}
	return fmt.Errorf("%w; what the programs wrote is kept in %s", err, dir)
}

// findEngine fails when nothing answers where the worker would look for Docker or Podman, and wait for it for
// minutes. One that is slow is left to the worker.
func findEngine(ctx context.Context) error {
	if runtime.GOOS != "linux" { // the worker says so
		return nil
	}
	ctx, done := context.WithTimeout(ctx, engineAnswer)
	defer done()
	engine, err := docker.Open(ctx, "")
	switch {
	case err == nil:
		return engine.Close()
	case errors.Is(err, docker.ErrNoEngine):
		return fmt.Errorf("the task is for docker-worker: %w", err)
	default:
		return nil
	}
}

// machineConfig is the machine's layer of its worker's configuration. Only for a payload of
// docker-worker does the worker look for Docker or Podman, and wait for one.
func machineConfig(definition tasks.Definition) map[string]any {
	config := map[string]any{"workerkit": map[string]any{"engine": "insecure", "resourceCharts": true}}
	var payload struct {
		Image json.RawMessage `json:"image"`
	}
	if json.Unmarshal(definition["payload"], &payload) == nil && payload.Image != nil { // what is no payload the worker says
		config["d2gConfig"] = map[string]any{"enableD2G": true}
	}
	return config
}

// bootMachine makes a pool and boots its one machine.
func bootMachine(ctx context.Context, s *session.Session, pool string, config map[string]any) (*session.Machine, error) {
	if err := s.AddPool(ctx, pool, map[string]any{"requiredDiskSpaceMegabytes": 100}); err != nil {
		return nil, err
	}
	id := "machine-" + strings.ToLower(slugid.Nice()[:6]) // new at each start, so that a data folder can be used again
	return s.Boot(ctx, session.Spec{Pool: pool, Group: "local", ID: id, Config: config})
}

// watch returns a context that ends when the machine does: no task will run any more.
func watch(ctx context.Context, machine *session.Machine) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := machine.Wait(watched)
		if err == nil {
			err = fmt.Errorf("its log: %s", machine.Log())
		}
		cancel(fmt.Errorf("%w: %w", errEnded, err))
	}()
	return watched, func() {
		cancel(nil)
		<-ended
	}
}

// dataFolder is the folder that was asked for, or a temporary one that clean removes.
func dataFolder(asked string) (dir string, clean func() error, err error) {
	if asked != "" {
		dir, err := filepath.Abs(asked)
		return dir, func() error { return nil }, err
	}
	dir, err = os.MkdirTemp("", "taskcluster-local-")
	if err != nil {
		return "", nil, fmt.Errorf("run: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
