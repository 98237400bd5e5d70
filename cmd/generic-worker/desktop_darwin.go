package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/launchagent"
	"github.com/workerkit/workerkit/worker/engines/multiuser"
)

// desktop is true: macOS has a graphical session always.
func desktop() bool { return true }

// seatTime is how long a login may take, and then the agent in the session.
const seatTime = 15 * time.Minute

// settleTime is how long after a login the login window may write its settings.
const settleTime = 15 * time.Second

// seat is where tasks have a graphical session, in which an agent starts their commands.
func seat() (*multiuser.Desktop, error) {
	self, err := os.Executable()
	if err == nil {
		err = launchagent.Install(launchagent.PlistFile, self)
	}
	if err != nil {
		return nil, fmt.Errorf("have each session start the launch agent: %w", err)
	}
	window := multiuser.LoginWindow{Run: accounts.Tools{}, PasswordFile: "/etc/kcpassword", Console: console}
	return &multiuser.Desktop{
		CurrentFile: "current-task-user.json", NextFile: "next-task-user.json",
		AutoLogin: window.AutoLogin, Session: window.Session,
		Patience: seatTime, Poll: time.Second, Settle: settleTime,
		Enter: func(ctx context.Context, account *accounts.Account) error {
			return enter(ctx, launchagent.Agent{Path: launchagent.Socket, UID: account.UID})
		},
		Open: multiuser.Seated(launchagent.Socket),
	}, nil
}

// enter waits for the agent of the session.
func enter(ctx context.Context, agent launchagent.Agent) error {
	if err := agent.Clear(); err != nil {
		return err
	}
	ctx, done := context.WithTimeoutCause(ctx, seatTime, fmt.Errorf("the launch agent did not answer within %s", seatTime))
	defer done()
	return agent.Await(ctx, time.Second)
}

// console is the user id of whoever has the session at the screen.
func console() (string, error) {
	info, err := os.Stat("/dev/console")
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("/dev/console: %w", os.ErrInvalid)
	}
	return strconv.FormatUint(uint64(stat.Uid), 10), nil
}
