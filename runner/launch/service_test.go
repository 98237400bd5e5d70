package launch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/policy"
)

// windows is a stand-in for Windows: one service, and pipes.
type windows struct {
	program func(w *windows) service.Status // what the service runs

	mu       sync.Mutex
	status   service.Status
	pipes    map[string]*pipe
	did      []string      // orders, in their order
	asked    chan struct{} // closed when the service was asked to stop
	killed   chan struct{}
	refuses  map[string]error // by order
	log      bytes.Buffer
	messages []string
	running  sync.WaitGroup
}

type pipe struct {
	clients chan net.Conn
	closed  chan struct{}
	once    sync.Once
	broken  error // what Connect says
}

func newWindows(program func(*windows) service.Status) *windows {
	return &windows{
		program: program, status: service.Status{State: service.Stopped, Win32: 1077}, pipes: map[string]*pipe{},
		asked: make(chan struct{}), killed: make(chan struct{}), refuses: map[string]error{},
	}
}

func (w *windows) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

// order notes an order, which may be refused.
func (w *windows) order(what string) error {
	w.did = append(w.did, what)
	return w.refuses[what]
}

func (w *windows) refuse(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuses[what] = errors.New("not now")
}

func (w *windows) setPID(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.PID = pid
}

func (w *windows) Start(string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.order("start"); err != nil {
		return err
	}
	if w.pipes[`\\.\pipe\p-input`] == nil || w.pipes[`\\.\pipe\p-output`] == nil {
		return errors.New("the service starts before its pipes are there")
	}
	w.run()
	return nil
}

// run runs the service; callers hold w.mu.
func (w *windows) run() {
	w.status = service.Status{State: service.Running, PID: 4711}
	w.running.Go(func() {
		end := w.program(w)
		end.State = service.Stopped
		w.mu.Lock()
		defer w.mu.Unlock()
		w.status = end
	})
}

func (w *windows) Stop(string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status.State == service.Stopped {
		return service.ErrNotRunning
	}
	if !slices.Contains(w.did, "stop") {
		close(w.asked)
	}
	return w.order("stop")
}

func (w *windows) Status(string) (service.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status, w.refuses["status"]
}

func (w *windows) Kill(pid int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if pid != 4711 {
		return errors.New("that is another process")
	}
	close(w.killed)
	return w.order("kill")
}

func (w *windows) Listen(name string, in bool) (launch.Pipe, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refuses[name]; err != nil {
		return nil, err
	}
	if in != strings.HasSuffix(name, "-input") {
		return nil, errors.New("a pipe for the wrong direction")
	}
	w.pipes[name] = &pipe{clients: make(chan net.Conn), closed: make(chan struct{}), broken: w.refuses["connect to "+name]}
	return w.pipes[name], nil
}

func (p *pipe) Connect(ctx context.Context) (launch.Stream, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	select {
	case c := <-p.clients:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// dial is what a worker does.
func (w *windows) dial(name string) (net.Conn, error) {
	w.mu.Lock()
	p := w.pipes[`\\.\pipe\p-`+name]
	w.mu.Unlock()
	ours, theirs := net.Pipe()
	select {
	case p.clients <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, errors.New("there is no such pipe")
	}
}

// connected is a worker that speaks the protocol: it says hello and goes on as told.
func connected(then func(w *windows, c *protocol.Conn, heard <-chan protocol.Message) service.Status) func(*windows) service.Status {
	return func(w *windows) service.Status {
		to, err := w.dial("input")
		if err != nil {
			return exit(78)
		}
		defer to.Close()
		from, err := w.dial("output")
		if err != nil {
			return exit(78)
		}
		c, heard := protocol.New(to, protocol.All()), make(chan protocol.Message, 10)
		var reading sync.WaitGroup
		reading.Go(func() {
			_ = c.Read(from, func(m protocol.Message) { heard <- m }, func(string) {})
		})
		defer reading.Wait()
		defer from.Close()
		<-c.Ready()
		return then(w, c, heard)
	}
}

// exit is the end of a service with an exit code of its own.
func exit(code uint32) service.Status {
	if code == 0 {
		return service.Status{}
	}
	return service.Status{Win32: 1066, Specific: code}
}

func (w *windows) service() launch.Service {
	return launch.Service{
		Name: "Generic Worker", Pipe: `\\.\pipe\p`, System: w, Log: slog.New(slog.NewTextHandler(w, nil)),
		Handle: func(m protocol.Message) { w.note(m.Type) }, Text: w.note,
	}
}

func (w *windows) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, what)
}

func (w *windows) orders() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.did, " ")
}

func (w *windows) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// launched starts the service and returns its worker.
func (w *windows) launched(t *testing.T) *launch.Worker {
	t.Helper()
	started, err := launch.StartService(t.Context(), w.service())
	if err != nil {
		t.Fatal(err)
	}
	return started
}

// TestServiceCodes: the exit code of a service means what that of a process does.
func TestServiceCodes(t *testing.T) {
	rows := map[uint32]policy.Row{
		0: policy.Finished, 68: policy.Finished, 70: policy.Finished, 72: policy.Finished, 67: policy.Reboot, 69: policy.Crashed, 71: policy.Interrupted,
		64: policy.Broken, 73: policy.Broken, 75: policy.Broken, 77: policy.Broken, 78: policy.Broken, 82: policy.Broken,
	}
	for code, want := range rows {
		synctest.Test(t, func(t *testing.T) {
			w := newWindows(connected(func(_ *windows, c *protocol.Conn, _ <-chan protocol.Message) service.Status {
				_ = c.Send(protocol.LogText("last words"))
				return exit(code)
			}))
			started := w.launched(t)
			if started.PID() != 4711 {
				t.Errorf("process %d", started.PID())
			}
			<-started.Done()
			end := started.End()
			if end.Code != int(code) || policy.Of(end.Code) != want || end.Text != fmt.Sprintf("exit status %d", code) {
				t.Errorf("%d: end %+v is %s, want %s", code, end, policy.Of(end.Code), want)
			}
			if got := fmt.Sprint(w.messages); got != "[log]" {
				t.Errorf("%d: heard %s", code, got)
			}
			w.running.Wait()
		})
	}
}

// TestServiceEnds: what a service may do instead of connecting and telling a code.
func TestServiceEnds(t *testing.T) {
	for name, c := range map[string]struct {
		program func(*windows) service.Status
		code    int
		within  time.Duration
		did     string
	}{
		"dies before it connects":  {func(*windows) service.Status { return exit(78) }, 78, 2 * time.Second, "start"},
		"its config is unreadable": {func(*windows) service.Status { return exit(64) }, 64, 2 * time.Second, "start"},
		"crashes": {connected(func(*windows, *protocol.Conn, <-chan protocol.Message) service.Status {
			return service.Status{Win32: 1067}
		}), -1, 2 * time.Second, "start"},
		"connects to one pipe only":         {func(w *windows) service.Status { _, _ = w.dial("input"); return exit(78) }, 78, 2 * time.Second, "start"},
		"never connects":                    {func(w *windows) service.Status { <-w.asked; return exit(0) }, -1, 63 * time.Second, "start stop"},
		"never connects, and does not stop": {func(w *windows) service.Status { <-w.killed; return service.Status{Win32: 1067} }, -1, 73 * time.Second, "start stop kill"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWindows(c.program)
				begin := time.Now()
				started := w.launched(t)
				<-started.Done()
				if end := started.End(); end.Code != c.code || end.Text == "" {
					t.Errorf("end %+v, want %d", end, c.code)
				}
				if took := time.Since(begin); took > c.within || w.orders() != c.did {
					t.Errorf("took %v, did %s", took, w.orders())
				}
				w.running.Wait()
				if _, err := w.dial("input"); err == nil {
					t.Error("the pipe is still open")
				}
			})
		})
	}
}

// TestAPipeThatBreaks: with one pipe alone there is nothing to wait for.
func TestAPipeThatBreaks(t *testing.T) {
	for _, name := range []string{"input", "output"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWindows(func(w *windows) service.Status { <-w.asked; return exit(0) })
			w.refuses[`connect to \\.\pipe\p-`+name] = errors.New("broken")
			begin := time.Now()
			started := w.launched(t)
			<-started.Done()
			if took := time.Since(begin); took > 2*time.Second || started.End().Code != -1 || !strings.Contains(w.logged(), "broken") {
				t.Errorf("%s: end %+v after %v, log %s", name, started.End(), took, w.logged())
			}
			w.running.Wait()
		})
	}
}

// TestStopOfAService: by the protocol, then by the system, then by force.
func TestStopOfAService(t *testing.T) {
	for name, c := range map[string]struct {
		then func(w *windows, c *protocol.Conn, heard <-chan protocol.Message) service.Status
		want int
		did  string
	}{
		"drains": {func(_ *windows, _ *protocol.Conn, heard <-chan protocol.Message) service.Status {
			if m := <-heard; m.Type != protocol.GracefulTermination || *m.FinishTasks {
				return exit(1)
			}
			return exit(72)
		}, 72, "start"},
		"stops only for the system": {func(w *windows, _ *protocol.Conn, _ <-chan protocol.Message) service.Status {
			<-w.asked
			return exit(72)
		}, 72, "start stop"},
		"does not stop": {func(w *windows, _ *protocol.Conn, _ <-chan protocol.Message) service.Status {
			<-w.killed
			return service.Status{Win32: 1067}
		}, -1, "start stop kill"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWindows(connected(c.then))
				started := w.launched(t)
				<-started.Conn().Ready()
				started.Stop(time.Minute)
				<-started.Done()
				if end := started.End(); end.Code != c.want || w.orders() != c.did {
					t.Errorf("end %+v, did %s", end, w.orders())
				}
				w.running.Wait()
			})
		})
	}
}

// TestStopBeforeTheServiceConnects: nothing is waited for.
func TestStopBeforeTheServiceConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindows(func(w *windows) service.Status { <-w.asked; return exit(0) })
		started := w.launched(t)
		begin := time.Now()
		started.Stop(0)
		if took := time.Since(begin); took > 2*time.Second || started.End().Code != -1 {
			t.Errorf("end %+v after %v", started.End(), took)
		}
		if err := started.Conn().Send(protocol.Message{Type: "x"}); err == nil {
			t.Error("somebody was told")
		}
		w.running.Wait()
	})
}

// TestALeftService: one that runs already is stopped, or killed, before it is started anew.
func TestALeftService(t *testing.T) {
	for name, c := range map[string]struct {
		left func(*windows)
		did  string
	}{
		"stops":                      {func(w *windows) { <-w.asked }, "stop start"},
		"does not obey":              {func(w *windows) { w.refuse("stop"); <-w.killed }, "stop kill start"},
		"is another process by then": {func(w *windows) { w.setPID(42); <-w.asked; w.setPID(4711); <-w.killed }, "stop kill start"},
		"does not stop":              {func(w *windows) { <-w.killed }, "stop kill start"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWindows(nil)
				w.program = func(w *windows) service.Status { c.left(w); return exit(72) }
				w.mu.Lock()
				w.run()
				w.mu.Unlock()
				synctest.Wait()
				w.program = func(*windows) service.Status { return exit(68) }
				started := w.launched(t)
				<-started.Done()
				if started.End().Code != 68 || w.orders() != c.did || !strings.Contains(w.logged(), "runs already") {
					t.Errorf("end %+v, did %s, log %s", started.End(), w.orders(), w.logged())
				}
				w.running.Wait()
			})
		})
	}
}

// TestAServiceThatIsNotStarted leaves no pipe behind.
func TestAServiceThatIsNotStarted(t *testing.T) {
	for name, refused := range map[string]string{"status": "status", "the first pipe": `\\.\pipe\p-input`, "the second pipe": `\\.\pipe\p-output`, "start": "start"} {
		t.Run(name, func(t *testing.T) {
			w := newWindows(nil)
			w.refuses[refused] = service.ErrNotInstalled
			_, err := launch.StartService(t.Context(), w.service())
			if !errors.Is(err, service.ErrNotInstalled) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			for name, p := range w.pipes {
				select {
				case <-p.closed:
				default:
					t.Errorf("%s is open", name)
				}
			}
		})
	}
}

// TestAServiceThatCannotBeAsked is asked again; one that is gone has ended.
func TestAServiceThatCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stay := make(chan struct{})
		w := newWindows(connected(func(*windows, *protocol.Conn, <-chan protocol.Message) service.Status { <-stay; return exit(0) }))
		started := w.launched(t)
		refuse := func(err error) {
			w.mu.Lock()
			w.refuses["status"] = err
			w.mu.Unlock()
			time.Sleep(10 * time.Second)
		}
		refuse(errors.New("the system is busy"))
		select {
		case <-started.Done():
			t.Fatalf("end %+v", started.End())
		default:
		}
		if n := strings.Count(w.logged(), "the system is busy"); n != 1 {
			t.Errorf("said %d times", n)
		}
		refuse(service.ErrNotInstalled)
		<-started.Done()
		if end := started.End(); end.Code != -1 {
			t.Errorf("end %+v", end)
		}
		close(stay)
		w.running.Wait()
	})
}

// TestAServiceThatIsStartedAnew by somebody else, or by the system after a crash, is not the worker any
// more: it has no pipes.
func TestAServiceThatIsStartedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		w := newWindows(func(w *windows) service.Status {
			connected(func(*windows, *protocol.Conn, <-chan protocol.Message) service.Status { return exit(69) })(w)
			w.setPID(4712)
			<-end
			return exit(78)
		})
		started := w.launched(t)
		select {
		case <-started.Done():
		case <-time.After(5 * time.Second):
			t.Error("it is not noticed")
		}
		close(end)
		<-started.Done()
		if end := started.End(); end.Code != -1 || !strings.Contains(end.Text, "anew") {
			t.Errorf("end %+v", end)
		}
		w.running.Wait()
	})
}

var _ io.Writer = (*windows)(nil)
