package runner

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/policy"
)

// short is Windows with a service that ends at once, before it connects.
type short struct {
	launch.System
	code    uint32
	started int
}

func (s *short) Status(string) (service.Status, error) {
	return service.Status{State: service.Stopped, Win32: 1066, Specific: s.code}, nil
}

func (s *short) Start(string) error { s.started++; return nil }

func (s *short) Listen(string, bool) (launch.Pipe, error) { return closedPipe{}, nil }

// closedPipe is one that nobody opens.
type closedPipe struct{ launch.Pipe }

func (closedPipe) Connect(ctx context.Context) (launch.Stream, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (closedPipe) Close() error { return nil }

// TestTheWorkerIsAService: how it ends decides of the machine as the end of a process does.
func TestTheWorkerIsAService(t *testing.T) {
	for code, c := range map[uint32]struct {
		row      policy.Row
		restarts int
	}{67: {policy.Reboot, 0}, 68: {policy.Finished, 0}, 64: {policy.Broken, 0}, 69: {policy.Broken, 3}} {
		synctest.Test(t, func(t *testing.T) {
			d, windows := newDesk(t, true), &short{code: code}
			d.config.Worker.Service, d.config.Worker.ProtocolPipe = "Generic Worker", `\\.\pipe\x`
			d.identity = providers.Identity{RootURL: "https://tc.example.com", WorkerPoolID: "proj/win", WorkerGroup: "g", WorkerID: "w"}
			d.deps.Services = windows
			e := d.work(t.Context(), nothing{}, d.machine)
			if e.row != c.row || e.worker == nil || windows.started != c.restarts+1 {
				t.Errorf("%d: %+v after %d starts\n%s", code, e, windows.started, d.logged())
			}
		})
	}
}

// TestAServiceElsewhere: a machine without services is broken, and says why.
func TestAServiceElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		d.config.Worker.Service = "Generic Worker"
		d.identity = providers.Identity{RootURL: "https://tc.example.com", WorkerPoolID: "proj/win", WorkerGroup: "g", WorkerID: "w"}
		e := d.work(t.Context(), nothing{}, d.machine)
		if e.row != policy.Broken || !errors.Is(e.err, service.ErrUnsupported) || !strings.Contains(e.err.Error(), "Generic Worker") {
			t.Errorf("%+v", e)
		}
	})
}
