//go:build unix

package main

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/tc"
)

// broken gives a machine whose engine fails and four tasks for it.
func broken(t *testing.T, config map[string]any) (m *machine, ids []string) {
	t.Helper()
	config["workerkit"] = map[string]any{"engine": "mock"}
	m = newMachine(t, config)
	for range 4 {
		ids = append(ids, m.create(map[string]any{"failIn": "new"}))
	}
	return m, ids
}

// takesThree checks that three tasks were spoilt and the fourth was left to others.
func (m *machine) takesThree(ids []string) {
	m.t.Helper()
	for _, id := range ids[:3] {
		m.resolved(id, 0, "internal-error")
	}
	if got := m.reason(ids[3], 0); got != "pending" {
		m.t.Errorf("the fourth task is %s", got)
	}
}

// TestFaultsInACloud: another machine will come in place of this one.
func TestFaultsInACloud(t *testing.T) {
	m, ids := broken(t, map[string]any{"workerLocation": `{"cloud":"aws","region":"here"}`, "shutdownMachineOnInternalError": true})
	p := m.start("--with-worker-runner")
	p.welcome(protocol.All()...)
	p.exits(exitInternal)
	m.takesThree(ids)
	reports := p.heard(protocol.ErrorReport)
	if len(reports) != 1 {
		t.Fatalf("%d reports", len(reports))
	}
	contains(t, reports[0].Description, "3 tasks in a row", "leaves", "mock: told to fail")
	if len(p.heard(protocol.Shutdown)) != 1 {
		t.Error("the machine is not shut down")
	}
}

// TestFaultsElsewhere: the worker waits for somebody to mend the machine.
func TestFaultsElsewhere(t *testing.T) {
	m, ids := broken(t, map[string]any{"workerLocation": `{"cloud":"static"}`})
	p := m.start("--with-worker-runner")
	p.welcome(protocol.All()...)
	until(t, "a report", func() bool { return len(p.heard(protocol.ErrorReport)) > 0 })
	m.takesThree(ids)
	contains(t, p.heard(protocol.ErrorReport)[0].Description, "tries one more in")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.exits(exitDrained)
}

// TestFaultsWithoutARunner: the worker reports them itself, if worker-manager knows it.
func TestFaultsWithoutARunner(t *testing.T) {
	m, ids := broken(t, map[string]any{})
	w := m.Pool(t, pool)
	proof, err := json.Marshal(map[string]string{"staticSecret": w.Secret})
	if err != nil {
		t.Fatal(err)
	}
	manager := tc.New(m.RootURL, tc.NewHTTP(), retryOnce()).WorkerManager(tc.Anonymous())
	r, err := manager.Register(t.Context(), tc.WorkerName{Pool: w.PoolID, Group: w.Group, ID: w.ID}, "static", proof, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Credentials
	m.config["clientId"], m.config["accessToken"], m.config["certificate"] = c.ClientID, c.AccessToken.Reveal(), c.Certificate.Reveal()
	p := m.start()
	until(t, "a report", func() bool { return m.counts()["worker-manager.reportWorkerError"] == 1 })
	m.takesThree(ids)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.exits(exitDrained)
	if text := p.stderr.String(); strings.Contains(text, "not reported") {
		t.Errorf("the report failed:\n%s", text)
	}
}

func TestInCloud(t *testing.T) {
	for location, want := range map[string]bool{
		`{"cloud":"google","zone":"a"}`: true, `{"cloud":"aws"}`: true, `{"cloud":"static"}`: false, `{"cloud":"standalone"}`: false,
		`{}`: false, `"aws"`: false, `aws`: false, ``: false,
	} {
		if got := inCloud(location); got != want {
			t.Errorf("%s: %v", location, got)
		}
	}
}
