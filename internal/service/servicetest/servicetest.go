// Package servicetest is a stand-in for the services of a Windows machine.
package servicetest

import (
	"slices"
	"time"

	"github.com/workerkit/workerkit/internal/service"
)

// Machine is a stand-in for Windows. It is for one goroutine.
type Machine struct {
	Services map[string]service.Definition
	Statuses map[string]service.Status
	Sources  []string
	Did      []string         // what was ordered, in its order
	Refuses  map[string]error // by order; open, find and status as well
	Stops    time.Duration    // how long a service takes to stop
	Closed   bool

	stopped time.Time
}

// New makes one without services.
func New() *Machine {
	return &Machine{Services: map[string]service.Definition{}, Statuses: map[string]service.Status{}, Refuses: map[string]error{}}
}

// Open is a service.Opener.
func (m *Machine) Open() (service.System, error) { return m, m.Refuses["open"] }

func (m *Machine) do(what string) error {
	m.Did = append(m.Did, what)
	return m.Refuses[what]
}

// Find implements service.Manager.
func (m *Machine) Find(name string) (service.Definition, error) {
	d, ok := m.Services[name]
	if !ok {
		return d, service.ErrNotInstalled
	}
	return d, m.Refuses["find"]
}

// Create implements service.Manager.
func (m *Machine) Create(d service.Definition) error {
	if err := m.do("create"); err != nil {
		return err
	}
	m.Services[d.Name], m.Statuses[d.Name] = d, service.Status{State: service.Stopped, Win32: 1077}
	return nil
}

// Configure implements service.Manager.
func (m *Machine) Configure(service.Definition) error { return m.do("configure") }

// Delete implements service.Manager.
func (m *Machine) Delete(name string) error {
	if err := m.do("delete"); err != nil {
		return err
	}
	delete(m.Services, name)
	return nil
}

// Register implements service.Sources.
func (m *Machine) Register(name string) error {
	if err := m.do("register"); err != nil {
		return err
	}
	if !slices.Contains(m.Sources, name) {
		m.Sources = append(m.Sources, name)
	}
	return nil
}

// Remove implements service.Sources.
func (m *Machine) Remove(name string) error {
	m.Sources = slices.DeleteFunc(m.Sources, func(s string) bool { return s == name })
	return m.do("remove")
}

// Start implements service.Controller.
func (m *Machine) Start(string) error { return m.do("start") }

// Stop implements service.Controller. As Windows does, it refuses while the service starts or is ending.
func (m *Machine) Stop(name string) error {
	err := m.do("stop")
	if s := m.Statuses[name].State; err == nil && s != service.Running {
		return service.ErrNotRunning
	}
	m.stopped = time.Now().Add(m.Stops)
	return err
}

// Status implements service.Controller. A service that is ending has ended after Stops.
func (m *Machine) Status(name string) (service.Status, error) {
	s := m.Statuses[name]
	if s.State == service.StopPending && m.stopped.IsZero() {
		m.stopped = time.Now().Add(m.Stops)
	}
	if !m.stopped.IsZero() && !time.Now().Before(m.stopped) {
		s.State = service.Stopped
	}
	return s, m.Refuses["status"]
}

// Close implements service.System.
func (m *Machine) Close() error { m.Closed = true; return nil }
