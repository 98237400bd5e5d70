//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/workerkit/workerkit/internal/firewall"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/multiuser"
)

// umask is what a login gives. Tasks inherit the worker's, which may be stricter, or none at all. What
// is the worker's own alone is made with its mode, and does not depend on this.
const umask = 0o022

// multiuser makes the engine that runs each task as an account of its own.
func (p parts) multiuser() (engines.Engine, error) {
	c := p.config
	if !privileged() {
		return nil, fmt.Errorf("%w: the engine multiuser makes accounts, which only root can: start the worker as root, or set workerkit.engine to insecure", config.ErrInvalid)
	}
	homes, err := filepath.Abs(c.TasksDir)
	if err != nil {
		return nil, fmt.Errorf("%w: tasksDir: %w", config.ErrInvalid, err)
	}
	made := multiuser.Config{
		Logger: p.logger, Limits: p.limits(), Homes: homes, Slots: int(c.Capacity),
		CleanUp: c.CleanUpTaskDirs, AfterCreation: c.RunAfterUserCreation, ProxyPort: c.TaskclusterProxyPort,
	}
	if !c.HeadlessTasks {
		if made.Desktop, err = seat(); err != nil {
			return nil, err
		}
	}
	if c.Workerkit.BlockMetadata {
		made.Firewall = firewall.NewMetadata(homes)
	}
	made.Trees = p.trees
	syscall.Umask(umask)
	return multiuser.New(made), nil
}
