//go:build unix

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/local"
	"github.com/workerkit/workerkit/local/clouds/host"
)

// runCommand runs a subcommand and returns what it prints.
func runCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	command := newCommand()
	command.SetArgs(args)
	command.SetOut(&out)
	command.SetErr(t.Output())
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

// listMachines waits until the machines are such that ok.
func listMachines(t *testing.T, what string, ok func([]host.Info) bool) []host.Info {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := runCommand(t, "machines", "--json")
		if err != nil {
			t.Fatal(err)
		}
		var list local.MachineList
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if ok(list.Machines) {
			return list.Machines
		}
		if time.Now().After(end) {
			t.Fatalf("never %s: %s", what, out)
		}
	}
}

// scheduledEvents is what an emulated machine of Azure hears.
func scheduledEvents(t *testing.T, endpoint string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint+"/metadata/scheduledevents?api-version=2020-07-01", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Metadata", "true")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestMachineCommands has a pool in each cloud, whose machines run a program that only waits.
func TestMachineCommands(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, "--data", t.TempDir(), "--machines", "--start-worker", program, "--generic-worker", program)
	for name, value := range s.env {
		t.Setenv(name, value)
	}
	manager := tcworkermanager.New(&tcclient.Credentials{
		ClientID: s.env["TASKCLUSTER_CLIENT_ID"], AccessToken: s.env["TASKCLUSTER_ACCESS_TOKEN"],
	}, s.env["TASKCLUSTER_ROOT_URL"])
	for _, c := range demoClouds() {
		config, err := json.Marshal(c.config())
		if err != nil {
			t.Fatal(err)
		}
		_, err = manager.CreateWorkerPool(c.pool(), &tcworkermanager.WorkerPoolDefinition{
			ProviderID: c.provider, Config: config, Owner: "owner@example.com",
		})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	machines := listMachines(t, "three machines", func(m []host.Info) bool {
		return len(m) == 3 && m[0].PID != 0 && m[1].PID != 0 && m[2].PID != 0
	})
	if machines[0].Cloud != "azure" || machines[1].Cloud != "aws" || machines[2].Cloud != "google" {
		t.Errorf("clouds: %+v", machines)
	}
	table, err := runCommand(t, "machines")
	if err != nil || strings.Count(table, "\n") != 4 || !strings.Contains(strings.Join(strings.Fields(table), " "), machines[1].Machine+" aws running 1 ") {
		t.Errorf("table: %s%v", table, err)
	}
	for i, c := range []int{2, 0, 1} { // demoClouds in the order of the machines
		notice := append([]string{"notice", machines[i].WorkerID}, demoClouds()[c].notice...)
		if out, err := runCommand(t, notice...); err != nil || out != "" {
			t.Errorf("%v: %q, %v", notice, out, err)
		}
	}
	if _, err := runCommand(t, "notice", machines[0].WorkerID, "Freeze", "--status", "Started", "--resource", "another"); err != nil {
		t.Error(err)
	}
	if events := scheduledEvents(t, machines[0].Endpoint); !strings.Contains(events, `"Resources":["another"],"EventStatus":"Started"`) {
		t.Errorf("Azure announces %s", events)
	}
	probe := func() int {
		response, err := http.Get(machines[1].Endpoint + "/latest/meta-data/")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	before := probe()
	if _, err := runCommand(t, "fault", machines[1].WorkerID, "503", "--path", "/latest/", "--times", "2"); err != nil || probe() != http.StatusServiceUnavailable {
		t.Errorf("with a fault: %v", err)
	}
	if _, err := runCommand(t, "fault", machines[1].WorkerID, "clear"); err != nil || probe() != before {
		t.Errorf("without: %v", err)
	}
	if _, err := runCommand(t, "remove", machines[0].Machine); err != nil {
		t.Error(err)
	}
	listMachines(t, "another machine in place of the removed one", func(m []host.Info) bool {
		return len(m) == 3 && m[0].WorkerPoolID == machines[0].WorkerPoolID && m[0].WorkerID != machines[0].WorkerID
	})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"notice", "nobody", "preempted"}, `there is no machine "nobody"`},
		{[]string{"notice", machines[1].WorkerID, "nonsense"}, "spot-terminate"},
		{[]string{"fault", machines[1].WorkerID, "418"}, "there is no fault"},
		{[]string{"remove"}, "accepts 1 arg"},
	} {
		if _, err := runCommand(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want one line with %q", c.args, err, c.want)
		}
	}
	t.Setenv("TASKCLUSTER_ACCESS_TOKEN", "wrong")
	if _, err := runCommand(t, "machines"); err == nil || !strings.Contains(err.Error(), "not the access token") {
		t.Errorf("with a wrong token: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// TestMachineCommandsWithoutServer have errors of one line that say what is wrong.
func TestMachineCommandsWithoutServer(t *testing.T) {
	plain := start(t, "--data", t.TempDir())
	other := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer other.Close()
	for name, c := range map[string]struct{ root, token, want string }{
		"not set":     {"", "x", "TASKCLUSTER_ROOT_URL and TASKCLUSTER_ACCESS_TOKEN must be set"},
		"no URL":      {"garbage", "x", "must be a URL"},
		"nobody":      {"http://127.0.0.1:1", "secret-token", "does not answer"},
		"not ours":    {other.URL, "secret-token", "answers 302"},
		"no machines": {plain.env["TASKCLUSTER_ROOT_URL"], plain.env["TASKCLUSTER_ACCESS_TOKEN"], "serve --machines"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TASKCLUSTER_ROOT_URL", c.root)
			t.Setenv("TASKCLUSTER_ACCESS_TOKEN", c.token)
			_, err := runCommand(t, "machines")
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret-token") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want one line with %q", err, c.want)
			}
		})
	}
	if err := plain.stop(); err != nil {
		t.Error(err)
	}
}

func TestProgramPath(t *testing.T) {
	if got := programPath("/asked/for", "start-worker"); got != "/asked/for" {
		t.Errorf("what was asked for: %s", got)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := programPath("", filepath.Base(own)); got != own {
		t.Errorf("beside this program: %s, want %s", got, own)
	}
	if got := programPath("", "sh"); got != "sh" {
		t.Errorf("on PATH: %s", got)
	}
}
