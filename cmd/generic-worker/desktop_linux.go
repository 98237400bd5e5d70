package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines/multiuser"
)

// desktop tells whether the user of a task can have a graphical session: only where there is the
// login manager that can be told to log that user in. That the system's usual target is graphical
// says nothing: it is so on servers, too.
func desktop() bool {
	_, err := os.Stat(multiuser.GDM)
	return err == nil
}

// seat is where tasks have a graphical session.
func seat() (*multiuser.Desktop, error) { return gdm(multiuser.GDM) }

// gdm is a desktop whose login manager has its configuration at path.
func gdm(path string) (*multiuser.Desktop, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: headlessTasks: tasks in a desktop session need the login manager gdm3, and there is no %s: set headlessTasks to true", config.ErrInvalid, path)
	}
	return &multiuser.Desktop{
		CurrentFile: "current-task-user.json", NextFile: "next-task-user.json",
		AutoLogin: func(_ context.Context, account accounts.Account) error {
			return multiuser.AutoLogin(path, account.Name)
		},
		Session: multiuser.Session, Env: multiuser.Display,
		Patience: 5 * time.Minute, Poll: time.Second,
	}, nil
}
