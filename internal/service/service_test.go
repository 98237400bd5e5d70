package service_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/internal/service/servicetest"
)

// worker is a service as it is installed.
func worker() service.Definition {
	return service.Definition{
		Name: "Generic Worker", Program: `C:\generic-worker\generic-worker.exe`, Args: []string{"run", "--config", `C:\generic worker\x.config`},
		AtBoot: true, DependsOn: []string{"Tcpip"}, PreShutdown: time.Minute,
	}
}

func TestInstall(t *testing.T) {
	m := servicetest.New()
	var told bytes.Buffer
	for _, want := range []string{`"Generic Worker" is installed; it starts with the machine, and runs C:\generic-worker\generic-worker.exe run`, `"Generic Worker" is installed already`} {
		told.Reset()
		if err := service.Opener(m.Open).InstallCommand(worker(), &told); err != nil || !strings.Contains(told.String(), want) {
			t.Errorf("%v, said %s, want %s", err, told.String(), want)
		}
	}
	if got := strings.Join(m.Did, " "); got != "create configure register configure register" || !slices.Equal(m.Sources, []string{"Generic Worker"}) || !m.Closed {
		t.Errorf("did %s, sources %v, closed %v", got, m.Sources, m.Closed)
	}
}

// TestInstallOverAnother: what differs says so, and stays as it is.
func TestInstallOverAnother(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*service.Definition)
		same   bool
	}{
		"another program":     {func(d *service.Definition) { d.Program = `C:\other.exe` }, false},
		"other arguments":     {func(d *service.Definition) { d.Args = []string{"run"} }, false},
		"not at boot":         {func(d *service.Definition) { d.AtBoot = false }, false},
		"other case":          {func(d *service.Definition) { d.Program = strings.ToUpper(d.Program) }, true},
		"another description": {func(d *service.Definition) { d.Description = "x" }, true},
	} {
		m := servicetest.New()
		there := worker()
		c.change(&there)
		m.Services[there.Name] = there
		already, err := service.Install(m, m, worker())
		if c.same != already || c.same != (err == nil) || (len(m.Did) > 0) != c.same {
			t.Errorf("%s: already %v, %v, did %v", name, already, err, m.Did)
		}
		if err != nil && (!strings.Contains(err.Error(), there.Program) || !strings.Contains(err.Error(), "uninstall it first")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnInstallationThatWasCutOff is finished by another one; what fails then removes nothing.
func TestAnInstallationThatWasCutOff(t *testing.T) {
	m := servicetest.New()
	m.Services["Generic Worker"] = worker()
	m.Refuses["register"] = service.ErrPrivileges
	if _, err := service.Install(m, m, worker()); !errors.Is(err, service.ErrPrivileges) || len(m.Services) != 1 {
		t.Errorf("%v, left %v", err, m.Services)
	}
	delete(m.Refuses, "register")
	m.Did = nil
	if already, err := service.Install(m, m, worker()); !already || err != nil || strings.Join(m.Did, " ") != "configure register" || len(m.Sources) != 1 {
		t.Errorf("already %v, %v, did %v", already, err, m.Did)
	}
}

// TestHalfAnInstallation is undone, and nobody is told that it worked.
func TestHalfAnInstallation(t *testing.T) {
	busy := errors.New("busy")
	for name, c := range map[string]struct {
		refuses []string
		did     string
		left    int
		says    string
	}{
		"no privileges":     {[]string{"open"}, "", 0, ""},
		"not to be found":   {[]string{"create"}, "create", 0, "register the service"},
		"no recovery":       {[]string{"configure"}, "create configure delete", 0, "set up the service"},
		"no event source":   {[]string{"register"}, "create configure register delete", 0, "set up the service"},
		"nor to be removed": {[]string{"register", "delete"}, "create configure register delete", 1, "half installed"},
	} {
		m := servicetest.New()
		for _, what := range c.refuses {
			m.Refuses[what] = busy
		}
		var told bytes.Buffer
		err := service.Opener(m.Open).InstallCommand(worker(), &told)
		if !errors.Is(err, busy) || !strings.Contains(err.Error(), c.says) || told.Len() > 0 {
			t.Errorf("%s: %v, said %s", name, err, told.String())
		}
		if got := strings.Join(m.Did, " "); got != c.did || len(m.Services) != c.left || len(m.Sources) > 0 {
			t.Errorf("%s: did %s, left %v, %v", name, got, m.Services, m.Sources)
		}
	}
}

func TestUninstall(t *testing.T) {
	for name, c := range map[string]struct {
		state service.State
		stops time.Duration
		did   string
		says  string
		fails string
	}{
		"stopped":    {service.Stopped, 0, "delete remove", "is removed", ""},
		"running":    {service.Running, 90 * time.Second, "stop delete remove", "asked to stop: its tasks are handed back", ""},
		"does not":   {service.Running, time.Hour, "stop", "asked to stop", "still runs after 3m0s: it is not removed"},
		"not there":  {0, 0, "", "", "there is no such service"},
		"is leaving": {service.StopPending, time.Second, "delete remove", "asked to stop", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := servicetest.New()
				m.Stops = c.stops
				if c.state != 0 {
					m.Services["Generic Worker"], m.Sources = worker(), []string{"Generic Worker"}
					m.Statuses["Generic Worker"] = service.Status{State: c.state}
				}
				var told bytes.Buffer
				err := service.Opener(m.Open).UninstallCommand(t.Context(), "Generic Worker", 3*time.Minute, &told)
				if (err == nil) != (c.fails == "") || (err != nil && !strings.Contains(err.Error(), c.fails)) || !strings.Contains(told.String(), c.says) {
					t.Errorf("%v, said %s", err, told.String())
				}
				if got := strings.Join(m.Did, " "); got != c.did || (err == nil && len(m.Services)+len(m.Sources) > 0) {
					t.Errorf("did %s, left %v, %v", got, m.Services, m.Sources)
				}
			})
		})
	}
}

// TestUninstallThatFails: what could not be done is said.
func TestUninstallThatFails(t *testing.T) {
	for what, says := range map[string]string{"find": "the service", "status": "ask for", "stop": "stop the service", "delete": "remove the service", "remove": "event log"} {
		m := servicetest.New()
		m.Services["Generic Worker"], m.Statuses["Generic Worker"] = worker(), service.Status{State: service.Running}
		m.Refuses[what] = service.ErrPrivileges
		err := service.Uninstall(t.Context(), m, m, m, "Generic Worker", time.Minute, func() {})
		if !errors.Is(err, service.ErrPrivileges) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "elevated prompt") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// starting is a machine whose service takes a while to start.
type starting struct {
	*servicetest.Machine
	until time.Time
}

func (s starting) Status(name string) (service.Status, error) {
	if time.Now().Before(s.until) {
		return service.Status{State: service.StartPending}, nil
	}
	return s.Machine.Status(name)
}

func (s starting) Stop(name string) error {
	if time.Now().Before(s.until) {
		return errors.New("it takes no orders")
	}
	return s.Machine.Stop(name)
}

// TestStopOfAServiceThatStarts: it is asked when it takes orders.
func TestStopOfAServiceThatStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := starting{servicetest.New(), time.Now().Add(5 * time.Second)}
		m.Statuses["x"] = service.Status{State: service.Running}
		if err := service.Stop(t.Context(), m, "x"); err != nil || strings.Join(m.Did, " ") != "stop" {
			t.Errorf("%v, did %v", err, m.Did)
		}
	})
}

func TestStopEndsWithItsContext(t *testing.T) {
	m := servicetest.New()
	m.Statuses["x"], m.Stops = service.Status{State: service.StopPending}, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := service.Stop(ctx, m, "x"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "still stopping") {
		t.Errorf("%v", err)
	}
}

func TestCodes(t *testing.T) {
	for _, c := range []struct {
		status service.Status
		code   int
		says   string
	}{
		{service.Status{}, 0, "exit status 0"},
		{service.Status{Win32: 1066, Specific: 67}, 67, "exit status 67"},
		{service.Status{Win32: 1067}, -1, "Windows error 1067"}, // it ended without having said so
		{service.Status{Win32: 1066, Specific: 0xffffffff}, -1, "Windows error 1066"},
	} {
		if c.status.Code() != c.code || c.status.Ended() != c.says {
			t.Errorf("%+v: %d, %s", c.status, c.status.Code(), c.status.Ended())
		}
	}
}

func TestStates(t *testing.T) {
	for s, want := range map[service.State]string{service.Stopped: "stopped", service.StartPending: "starting", service.StopPending: "stopping", service.Running: "running", 7: "in state 7"} {
		if s.String() != want {
			t.Errorf("%d is %s", uint32(s), s)
		}
	}
}

func TestValue(t *testing.T) {
	args := []string{"run", "--config", "a b", "--pipe=x=y", "--last"}
	for name, want := range map[string]string{"--config": "a b", "--pipe": "x=y", "--last": "", "--conf": ""} {
		if got := service.Value(args, name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}
