package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/internal/service/servicetest"
)

// onWindows is a host with services.
func onWindows(m *servicetest.Machine) host {
	h := testHost()
	h.services = m.Open
	return h
}

func TestInstallService(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("my.yml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args     string
		service  string
		path     string
		warnings string
	}{
		"usual":     {"install service", "worker-runner", `C:\worker-runner\runner.yml`, "before it starts it needs its config"},
		"one's own": {"install service --service-name mine my.yml", "mine", filepath.Join(dir, "my.yml"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := servicetest.New()
			var out, errs bytes.Buffer
			code := run(onWindows(m), strings.Fields(c.args), &out, &errs)
			d, ok := m.Services[c.service]
			if code != 0 || !ok || !strings.Contains(out.String(), "it starts with the machine") || (c.warnings == "") != (errs.Len() == 0) || !strings.Contains(errs.String(), c.warnings) {
				t.Fatalf("code %d, %s, %s, %v", code, out.String(), errs.String(), m.Services)
			}
			if !slices.Equal(d.Args, []string{c.path}) || !d.AtBoot || !filepath.IsAbs(d.Program) {
				t.Errorf("%+v", d)
			}
			// as policy.Defaults: three times in ten minutes, after waits that double
			if want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}; !slices.Equal(d.Restarts, want) || d.ResetAfter != 10*time.Minute || d.PreShutdown < 2*time.Minute {
				t.Errorf("%+v", d)
			}
			if code := run(onWindows(m), []string{"uninstall", "service", "--service-name", c.service}, &out, &errs); code != 0 || len(m.Services) != 0 {
				t.Errorf("code %d, %s", code, errs.String())
			}
		})
	}
}

func TestServiceCommandsThatFail(t *testing.T) {
	for args, says := range map[string]string{
		"install":                              "start-worker install service",
		"install my.yml":                       "start-worker install service",
		"uninstall service my.yml":             "named by --service-name",
		"install service --name x":             "there is no option --name",
		"uninstall service":                    "there is no such service",
		"install service --service-name there": "uninstall it first",
	} {
		m := servicetest.New()
		m.Services["there"] = service.Definition{Name: "there", Program: `C:\other.exe`}
		var out, errs bytes.Buffer
		if code := run(onWindows(m), strings.Fields(args), &out, &errs); code != 1 || !strings.Contains(errs.String(), says) || len(m.Did) > 0 {
			t.Errorf("%s: code %d, %s, did %v", args, code, errs.String(), m.Did)
		}
	}
}
