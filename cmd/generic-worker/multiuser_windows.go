package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/accounts/winuser"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/multiuser"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/rdp"
	"github.com/workerkit/workerkit/worker/plugins/runasadmin"
)

// multiuser makes the engine that runs each task as an account of its own.
func (p parts) multiuser() (engines.Engine, error) {
	c := p.config
	if !privileged() {
		return nil, fmt.Errorf("%w: the engine multiuser makes accounts and logs them on, which only the system can: run the worker as a service of LocalSystem (generic-worker install service), or set workerkit.engine to insecure", config.ErrInvalid)
	}
	if c.Workerkit.BlockMetadata {
		return nil, fmt.Errorf("%w: workerkit.blockMetadata: this exists on Linux only: leave it out, and keep tasks from the metadata service by the pool's own means", config.ErrInvalid)
	}
	homes, err := filepath.Abs(c.TasksDir)
	if err != nil {
		return nil, fmt.Errorf("%w: tasksDir: %w", config.ErrInvalid, err)
	}
	made := multiuser.Config{
		Logger: p.logger, Trees: p.trees, Limits: p.limits(), Homes: homes, Slots: int(c.Capacity),
		CleanUp: c.CleanUpTaskDirs, AfterCreation: c.RunAfterUserCreation, ProxyPort: c.TaskclusterProxyPort,
	}
	if !c.HeadlessTasks {
		made.Desktop = seat()
	}
	return multiuser.New(made), nil
}

// desktop is true: Windows has a graphical session always.
func desktop() bool { return true }

// seat is where tasks have a graphical session.
func seat() *multiuser.Desktop {
	const loginTime = 3 * time.Minute
	return &multiuser.Desktop{
		CurrentFile: "current-task-user.json", NextFile: "next-task-user.json",
		AutoLogin: func(_ context.Context, account accounts.Account) error {
			return winuser.AutoLogon(winuser.Winlogon(), account.Name, account.Password)
		},
		Session: winuser.Session, Patience: loginTime, Poll: time.Second,
	}
}

// further are the features that only this system has, where tasks have users of their own.
func (p parts) further() []plugins.Plugin {
	c := p.config
	if c.Workerkit.Engine != config.EngineMultiuser {
		return nil
	}
	return []plugins.Plugin{
		rdp.New(rdp.Config{
			Disabled: !c.EnableRDP, Pool: c.TaskQueueID(), Expander: p.client, Uploader: p.uploader(),
			Host: address(c.PublicIP), Stay: time.Duration(c.MaxTaskRunTime) * time.Second, Leaving: p.leaving, Now: time.Now,
		}),
		runasadmin.New(runasadmin.Config{
			Disabled: !c.EnableRunAsAdministrator, Capacity: int(c.Capacity), Pool: c.TaskQueueID(), Expander: p.client,
		}),
	}
}
