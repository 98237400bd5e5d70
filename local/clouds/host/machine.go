package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/clouds"
)

const (
	// powerGrace is how long the processes of a machine get that has switched itself off.
	powerGrace = 10 * time.Second
	// powerPoll is how soon that is noticed.
	powerPoll = 100 * time.Millisecond
	// readHeader bounds how long a metadata service waits for a request that has begun.
	readHeader = 10 * time.Second
)

// machine is one machine. Its goroutine is live's.
type machine struct {
	host     *Host
	key      clouds.Key
	cloud    clouds.Cloud
	files    layout
	listener net.Listener
	service  clouds.Service
	faults   clouds.Faults
	cancel   context.CancelFunc // takes it away

	mu   sync.Mutex
	info Info
}

// prepare makes everything of a machine but its processes.
func (h *Host) prepare(ctx context.Context, k clouds.Key, c clouds.Cloud, record []byte) (*machine, error) {
	m := &machine{host: h, key: k, cloud: c, files: layout{dir: filepath.Join(h.options.Dir, k.WorkerID)}}
	var err error
	if m.service, err = c.Serve(record, clouds.Settings{Clock: m.faults.Clock(h.options.Clock)}); err != nil {
		return nil, fmt.Errorf("make its metadata service: %w", err)
	}
	var config net.ListenConfig
	if m.listener, err = config.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listen for its metadata service: %w", err)
	}
	endpoint := "http://" + m.listener.Addr().String()
	if err := m.files.make(h.options, c.Provider(endpoint)); err != nil {
		return nil, errors.Join(err, m.discard())
	}
	m.info = Info{
		Machine: k.String(), WorkerPoolID: k.WorkerPoolID, WorkerGroup: k.WorkerGroup, WorkerID: k.WorkerID,
		Cloud: c.Type(), Endpoint: endpoint, Folder: m.files.dir, Log: m.files.path(logFile),
		ControlSocket: m.files.socket, HoldFile: m.files.path(holdFile), State: Booting,
	}
	return m, nil
}

// discard undoes prepare.
func (m *machine) discard() error {
	return errors.Join(m.listener.Close(), m.files.remove(m.host.options.Keep))
}

func (m *machine) about() Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.info
}

// set notes what the machine does; one that is being taken away does nothing else any more.
func (m *machine) set(s State, pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.info.State != Leaving {
		m.info.State, m.info.PID = s, pid
	}
}

// live is the machine's life: until it switches itself off, or ctx ends because it is taken away.
func (m *machine) live(ctx context.Context) {
	log := m.host.options.Log.With("machine", m.key.String())
	var wg sync.WaitGroup
	handler := m.faults.Wrap(m.service)
	if observe := m.host.options.Observe; observe != nil {
		handler = api.Observe(handler, "metadata", time.Now, observe)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	wg.Go(func() {
		if err := server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metadata service failed", "err", err)
		}
	})
	log.Info("machine boots", "cloud", m.cloud.Type(), "folder", m.files.dir)
	for {
		request, err := m.uptime(ctx)
		if err != nil {
			log.Error("machine failed", "err", err)
		}
		if request != reboots {
			break
		}
		log.Info("machine reboots")
	}
	m.set(Leaving, 0)
	_ = server.Close() // closes connections, which is all that can fail
	wg.Wait()
	if err := removeContainers(context.WithoutCancel(ctx), m.files.dir, m.environment()); err != nil {
		log.Warn("a machine that is gone has left something", "err", err)
	}
	if err := m.files.remove(m.host.options.Keep); err != nil {
		log.Warn("the folder of a machine that is gone cannot be removed", "err", err)
	}
	log.Info("machine is gone")
}

// uptime is the time between two boots: it returns when the machine has rebooted, or is off,
// and no process of it is left.
func (m *machine) uptime(ctx context.Context) (request power, err error) {
	if err := m.files.clearPower(); err != nil {
		return none, err
	}
	out, err := m.newOutput()
	if err != nil {
		return none, err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	tree, err := m.host.trees.Open(proc.Options{Dir: m.files.dir, Mark: m.mark()})
	if err != nil {
		return none, fmt.Errorf("start-worker: %w", err)
	}
	ended, err := m.start(tree, out)
	if err != nil {
		// As a machine whose image is broken: it is there, and of no use.
		m.host.options.Log.Error("start-worker cannot be started", "machine", m.key.String(), "err", err)
		m.set(Idle, 0)
	}
	request = m.watch(ctx, ended)
	if request != none {
		m.await(ctx, ended)
	}
	// Killing waits for whatever the system has not ended yet, so it must not end with ctx.
	err = errors.Join(tree.Kill(context.WithoutCancel(ctx), 0), tree.Close())
	<-ended
	return request, err
}

// start starts start-worker, and returns a channel that is closed when it has ended, or cannot
// be started.
func (m *machine) start(tree *proc.Tree, out *output) (<-chan struct{}, error) {
	defer out.started()
	ended := make(chan struct{})
	var p *proc.Process
	var err error
	begin := time.Now()
	m.host.starter.do(func() {
		p, err = tree.Start(proc.Command{
			Path: m.host.options.StartWorker, Args: []string{m.host.options.StartWorker, m.files.path(runnerFile)},
			Dir: m.files.dir, Env: m.environment(), Output: out.theirs, DieWithCaller: true,
		})
	})
	if err != nil {
		close(ended)
		return ended, err
	}
	m.mu.Lock()
	m.info.Boots++
	m.info.Started = begin
	m.mu.Unlock()
	m.set(Running, p.PID())
	go func() { // uptime waits for it
		defer close(ended)
		state, err := p.Wait()
		text := "unknown"
		if err == nil {
			text = state.String()
		}
		m.mu.Lock()
		m.info.Exit = text
		m.mu.Unlock()
		m.host.options.Log.Info("start-worker ended", "machine", m.key.String(), "how", text)
	}()
	return ended, nil
}

// watch waits until the machine has switched itself off, reboots, or is taken away. A machine
// on which start-worker has ended is there all the same.
func (m *machine) watch(ctx context.Context, ended <-chan struct{}) power {
	ticker := time.NewTicker(powerPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return none
		case <-ended:
			ended = nil
			m.set(Idle, 0)
		case <-ticker.C:
		}
		if request := m.files.power(); request != none {
			return request
		}
	}
}

// await gives start-worker a while to end by itself.
func (m *machine) await(ctx context.Context, ended <-chan struct{}) {
	timer := time.NewTimer(m.host.grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// newOutput opens the machine's log.
func (m *machine) newOutput() (*output, error) {
	file, err := os.OpenFile(m.files.path(logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the machine's log: %w", err)
	}
	return newOutput(file, func(line string) {
		if m.host.options.Output != nil {
			m.host.options.Output(m.key, line)
		}
	})
}
