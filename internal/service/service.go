// Package service makes programs native Windows services: it runs them as one, installs and
// removes them, and writes their warnings to the event log. What it decides is the same on every
// system and goes through small interfaces; only the leaves call Windows.
package service

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Definition is a service as it is registered.
type Definition struct {
	Name        string // also that of its source in the event log
	DisplayName string
	Description string
	Program     string // an absolute path
	Args        []string
	// AtBoot starts it with the machine; otherwise somebody, a runner for example, starts it.
	AtBoot    bool
	DependsOn []string // names of other services, or drivers
	// Restarts are the waits before it is started again when it ends without having said so, as
	// after a crash; nil is never. They are counted anew after ResetAfter without a crash.
	Restarts   []time.Duration
	ResetAfter time.Duration
	// PreShutdown is how long a shutdown of the machine waits for it to end.
	PreShutdown time.Duration
}

// same tells whether a registered service is what d asks for, as far as it decides what runs and
// when. The case of a path does not count.
func (d Definition) same(registered Definition) bool {
	return strings.EqualFold(d.Program, registered.Program) && slices.Equal(d.Args, registered.Args) &&
		d.AtBoot == registered.AtBoot
}

// command is what a service runs, for people.
func (d Definition) command() string {
	return strings.Join(append([]string{d.Program}, d.Args...), " ")
}

// starts is when a service starts, for people.
func (d Definition) starts() string {
	if d.AtBoot {
		return "starts with the machine"
	}
	return "is started by whoever needs it"
}

var (
	// ErrNotInstalled means that there is no service of the name.
	ErrNotInstalled = errors.New("there is no such service")
	// ErrPrivileges means that the caller may not manage services.
	ErrPrivileges = errors.New("only an administrator may do this: run it from an elevated prompt (Run as administrator)")
	// ErrRunning means that a service runs that was to be started.
	ErrRunning = errors.New("the service runs already")
	// ErrNotRunning means that a service that was to be stopped does not run, or not yet, or is ending.
	ErrNotRunning = errors.New("the service does not run")
	// ErrUnsupported means that this system has no such services.
	ErrUnsupported = errors.New("there are Windows services on Windows only; elsewhere the system's own service manager starts the program")
)

// Manager is the system's list of services.
type Manager interface {
	// Find returns what Definition.same compares, or ErrNotInstalled.
	Find(name string) (Definition, error)
	// Create registers a service, without what Configure sets.
	Create(d Definition) error
	// Configure sets how it is restarted and how long a shutdown waits for it.
	Configure(d Definition) error
	Delete(name string) error
}

// Sources is the list of those who write to the event log.
type Sources interface {
	// Register adds a source; one that is there already is fine.
	Register(name string) error
	// Remove removes a source; one that is not there is fine.
	Remove(name string) error
}

// Controller starts and stops services that are installed.
type Controller interface {
	Start(name string) error // ErrRunning when it runs
	Stop(name string) error  // asks it, and does not wait; ErrNotRunning when it does not run
	Status(name string) (Status, error)
}

// System is the machine's manager of services.
type System interface {
	Manager
	Sources
	Controller
	Close() error
}
