// Package host boots the emulated clouds' machines as processes of this computer. A machine is
// a folder, a metadata service on a loopback port of its own, and start-worker with everything
// below it; what it does to "power off" stays within its folder.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/clouds"
)

// Options say how machines are booted. StartWorker, GenericWorker and Dir are required.
type Options struct {
	// StartWorker and GenericWorker are the programs in the machines' image: paths, or names to
	// be found on PATH.
	StartWorker, GenericWorker string
	// Dir is the folder of the machines' folders, made when absent. Machines that an earlier
	// Host left in it are removed. Only one Host may use it.
	Dir string
	// Keep leaves the folders of machines that are gone.
	Keep bool
	// Env is added to the environment of machines, as NAME=value.
	Env []string
	// Runner is merged over the runner config of each machine: objects by their keys, other
	// values as a whole.
	Runner map[string]any
	// Output, when not nil, gets every line that a machine's start-worker and what is below it
	// write. It is called concurrently for different machines.
	Output func(k clouds.Key, line string)
	Log    *slog.Logger     // discards when nil
	Clock  func() time.Time // of metadata services; time.Now when nil
	// Observe, when not nil, is told about every request to a metadata service once it is
	// answered, as a call of the service "metadata". It is called concurrently.
	Observe func(api.Call)
}

// ErrClosed is the error of Boot after Close.
var ErrClosed = errors.New("the host of the machines is closed")

// Host implements clouds.Host. It is safe for concurrent use.
type Host struct {
	options Options
	trees   *proc.Trees
	starter *starter
	grace   time.Duration // for a machine that switches itself off

	wg sync.WaitGroup // of the machines

	mu       sync.Mutex
	closed   bool
	machines map[clouds.Key]*machine
}

// New makes a host without machines, and removes what one that was killed left in its folder, as far as ctx lets it.
// Close it in any case.
func New(ctx context.Context, o Options) (*Host, error) {
	if err := supported(); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	for _, program := range []*string{&o.StartWorker, &o.GenericWorker} {
		found, err := exec.LookPath(*program)
		if err != nil {
			return nil, fmt.Errorf("host: the program of the machines: %w", err)
		}
		if *program, err = filepath.Abs(found); err != nil {
			return nil, fmt.Errorf("host: %w", err)
		}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	o.Dir = dir
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if err := sweep(ctx, o); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	return &Host{
		options: o, trees: proc.New(o.Log), starter: newStarter(), grace: powerGrace, machines: map[clouds.Key]*machine{},
	}, nil
}

// sweep makes the machines' folder and removes what an earlier Host left in it, which may have been
// killed, and its machines with it.
func sweep(ctx context.Context, o Options) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	env, _ := surroundings(o)
	left, err := filepath.Glob(filepath.Join(o.Dir, "*", runnerFile))
	for _, file := range left {
		dir := filepath.Dir(file)
		if err := removeContainers(ctx, dir, env); err != nil {
			o.Log.Warn("a machine of an earlier host has left something", "folder", dir, "err", err)
		}
		if !o.Keep {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// Boot implements clouds.Host. The machine outlives ctx.
func (h *Host) Boot(ctx context.Context, k clouds.Key, c clouds.Cloud, record []byte) error {
	m, err := h.prepare(ctx, k, c, record)
	if err != nil {
		return fmt.Errorf("host: boot %s: %w", k, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errors.Join(fmt.Errorf("host: boot %s: %w", k, ErrClosed), m.discard())
	}
	if _, ok := h.machines[k]; ok {
		return errors.Join(fmt.Errorf("host: there is a machine %s already", k), m.discard())
	}
	h.machines[k] = m
	ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.wg.Go(func() {
		defer m.cancel()
		m.live(ctx)
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.machines, k)
	})
	return nil
}

// Delete implements clouds.Host: nothing on the machine gets a chance to do anything any more.
func (h *Host) Delete(k clouds.Key) {
	if m, ok := h.machine(k); ok {
		m.set(Leaving, 0)
		m.cancel()
	}
}

// Exists implements clouds.Host.
func (h *Host) Exists(k clouds.Key) bool {
	_, ok := h.machine(k)
	return ok
}

func (h *Host) machine(k clouds.Key) (*machine, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.machines[k]
	return m, ok
}

// Machines lists the machines that exist, by key.
func (h *Host) Machines() []Info {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := []Info{}
	for _, m := range h.machines {
		list = append(list, m.about())
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Compare(a.Machine, b.Machine) })
	return list
}

// Close takes all machines away and waits until they are gone.
func (h *Host) Close() error {
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	for _, m := range h.machines {
		m.cancel()
	}
	h.mu.Unlock()
	h.wg.Wait()
	if first {
		h.starter.close()
	}
	return nil
}
