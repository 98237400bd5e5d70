package local

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"github.com/workerkit/workerkit/local/clouds/host"
	"github.com/workerkit/workerkit/local/queue"
	"github.com/workerkit/workerkit/local/workermanager"
)

// openHost makes the host of the clouds' machines, nil when there are no clouds.
func openHost(ctx context.Context, o Options) (*host.Host, error) {
	if len(o.Clouds) == 0 {
		return nil, nil //nolint:nilnil // none is what was asked for
	}
	machines := o.Machines
	machines.Dir = cmp.Or(machines.Dir, filepath.Join(o.Dir, "machines"))
	machines.Log = cmp.Or(machines.Log, o.Logger)
	if machines.Observe == nil {
		machines.Observe = o.Observe
	}
	if machines.Clock == nil {
		machines.Clock = o.Clock
	}
	return host.New(ctx, machines)
}

// provisioning is what worker-manager needs to make machines.
func (s *Server) provisioning(o Options, tasks *queue.Queue, rootURL func() string) workermanager.Provisioning {
	if s.machines == nil {
		return workermanager.Provisioning{}
	}
	return workermanager.Provisioning{Clouds: o.Clouds, Host: s.machines, Queue: tasks, RootURL: rootURL}
}

// provision runs worker-manager's work in the background, and takes the machines away when
// nothing boots them any more.
func (s *Server) provision(ctx context.Context) error {
	err := s.workers.Run(ctx)
	if s.machines != nil {
		err = errors.Join(err, s.machines.Close())
	}
	return err
}

// Machines is the host of the clouds' machines, nil when the server has no clouds.
func (s *Server) Machines() *host.Host { return s.machines }
