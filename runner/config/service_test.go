package config_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/runner/config"
)

// installed are the command lines of the services of a machine.
func installed(name string) ([]string, error) {
	const program = `C:\generic-worker\generic-worker.exe`
	argv, ok := map[string][]string{
		"Generic Worker": {program, "run", "--config", `worker.json`, "--with-worker-runner", "--worker-runner-protocol-pipe", `\\.\PIPE\generic-worker`},
		"other pipe":     {program, "run", "--config=elsewhere.json", "--with-worker-runner", `--worker-runner-protocol-pipe=\\.\pipe\other`},
		"alone":          {program, "run", "--config", "worker.json"},
		"no pipe":        {program, "run", "--config", "worker.json", "--with-worker-runner"},
		"by nssm":        {`C:\nssm-2.24\win64\NSSM.exe`},
		"a wrapper":      {`D:\wrapper.exe`, "--quiet"},
	}[name]
	switch {
	case name == "secret":
		return nil, errors.New("access denied")
	case !ok:
		return nil, service.ErrNotInstalled
	}
	return argv, nil
}

func TestWorkerService(t *testing.T) {
	const both = "path: ./worker, "
	for name, c := range map[string]struct {
		keys    string
		want    config.Worker // without an error
		problem string        // part of it
		warning string
	}{
		"ours": {keys: `service: Generic Worker`, want: config.Worker{
			Service: "Generic Worker", ProtocolPipe: `\\.\pipe\generic-worker`, Path: `C:\generic-worker\generic-worker.exe`}},
		"another pipe": {keys: `service: other pipe, protocolPipe: '\\.\pipe\other'`, warning: "has --config elsewhere.json", want: config.Worker{
			Service: "other pipe", ProtocolPipe: `\\.\pipe\other`, Path: `C:\generic-worker\generic-worker.exe`}},
		"run by nssm": {keys: `service: by nssm`, want: config.Worker{Service: "by nssm", ProtocolPipe: `\\.\pipe\generic-worker`}},
		"a wrapper": {keys: `service: a wrapper`, want: config.Worker{
			Service: "a wrapper", ProtocolPipe: `\\.\pipe\generic-worker`, Path: `D:\wrapper.exe`}},
		"beside a path":       {keys: both + `service: Generic Worker`, problem: "worker.service: stands beside path"},
		"neither":             {keys: `protocolPipe: '\\.\pipe\x'`, problem: "worker.path: is missing"},
		"empty":               {keys: `service: ""`, problem: "worker.service: is empty"},
		"not there":           {keys: `service: Generic Wroker`, problem: `there is no service "Generic Wroker": install it with generic-worker install service`},
		"not to be looked at": {keys: `service: secret`, problem: "access denied"},
		"alone":               {keys: `service: alone`, problem: "without --with-worker-runner: install it again"},
		"without pipes":       {keys: `service: no pipe`, problem: "without --worker-runner-protocol-pipe"},
		"wrong pipe":          {keys: `service: other pipe`, problem: `worker.protocolPipe: is \\.\pipe\generic-worker, but`},
		"no pipe's name":      {keys: `service: Generic Worker, protocolPipe: generic-worker`, problem: `is no name of a pipe`},
		"a pipe too deep":     {keys: `service: Generic Worker, protocolPipe: '\\.\pipe\a\b'`, problem: `is no name of a pipe`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			text := "provider: {providerType: cloud}\nworker: {implementation: generic-worker, configPath: worker.json, " + c.keys + "}\n"
			if err := os.WriteFile("runner.yml", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile("worker", nil, 0o700); err != nil { //nolint:gosec // a program
				t.Fatal(err)
			}
			o := options(".")
			o.Service = installed
			got, warnings, err := config.Load(t.Context(), "runner.yml", o)
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want %s", err, c.problem)
				}
				return
			}
			c.want.Implementation, c.want.ConfigPath = config.GenericWorker, "worker.json"
			if err != nil || got.Worker != c.want {
				t.Errorf("%+v, %v, want %+v", got.Worker, err, c.want)
			}
			if text := strings.Join(warnings, "\n"); !strings.Contains(text, c.warning) || (c.warning == "" && strings.Contains(text, "configPath")) {
				t.Errorf("warnings %s", text)
			}
		})
	}
}

// TestShownService: print-config shows what counts, the usual pipe included.
func TestShownService(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "provider: {providerType: cloud}\nworker: {implementation: generic-worker, configPath: worker.json, service: Generic Worker}\n"
	if err := os.WriteFile("runner.yml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(".")
	o.Service = installed
	c, _, err := config.Load(t.Context(), "runner.yml", o)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]any{}
	for _, s := range c.Settings {
		shown[strings.Join(s.Path, ".")] = s.Value
	}
	if shown["worker.service"] != "Generic Worker" || shown["worker.protocolPipe"] != `\\.\pipe\generic-worker` || shown["worker.path"] != nil {
		t.Errorf("%v", shown)
	}
}
