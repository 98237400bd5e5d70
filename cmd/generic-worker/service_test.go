package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/internal/service/servicetest"
)

// install runs "install service" with a machine, in a folder with the configuration.
func install(m *servicetest.Machine, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	flags := flag.NewFlagSet("install", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	code = installService(m.Open, flags, append([]string{"service"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

func TestInstallService(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const pipe = `\\.\pipe\generic-worker`
	for name, c := range map[string]struct {
		args    []string
		service string
		want    []string
		atBoot  bool
		stderr  string
	}{
		"as the public one": {nil, "Generic Worker", []string{"run", "--config", filepath.Join(dir, defaultConfig)}, true, ""},
		"with nssm":         {[]string{"--nssm", `D:\nssm.exe`, "--service-name", "My Worker", "--config", filepath.Join(dir, "a b")}, "My Worker", []string{"run", "--config", filepath.Join(dir, "a b")}, true, "--nssm is not needed"},
		"for a runner": {[]string{"--with-worker-runner", "--worker-runner-protocol-pipe", pipe}, "Generic Worker",
			[]string{"run", "--config", filepath.Join(dir, defaultConfig), "--with-worker-runner", "--worker-runner-protocol-pipe", pipe}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := servicetest.New()
			code, stdout, stderr := install(m, c.args...)
			d, ok := m.Services[c.service]
			if code != 0 || !ok || !strings.Contains(stdout, "is installed") || !strings.Contains(stderr, c.stderr) || strings.Count(stderr, "\n") > 1 {
				t.Fatalf("code %d, %s, %s, services %v", code, stdout, stderr, m.Services)
			}
			if d.Program != self || !slices.Equal(d.Args, c.want) || d.AtBoot != c.atBoot || d.Restarts != nil || d.PreShutdown < time.Minute {
				t.Errorf("installed %+v", d)
			}
			if code, _, _ := install(m, c.args...); code != 0 {
				t.Errorf("again: %d", code)
			}
			if code, _, stderr := install(m, "--service-name", c.service, "--config", "other"); code != exitService || !strings.Contains(stderr, "uninstall it first") {
				t.Errorf("another: %d, %s", code, stderr)
			}
		})
	}
}

func TestInstallServiceRefuses(t *testing.T) {
	for _, args := range [][]string{{"--with-worker-runner"}, {"--worker-runner-protocol-pipe", "x"}, {"--what"}, {"more"}} {
		m := servicetest.New()
		if code, _, _ := install(m, args...); code != exitUsage || len(m.Did) > 0 {
			t.Errorf("%v: code %d, did %v", args, code, m.Did)
		}
	}
	m := servicetest.New()
	m.Refuses["open"] = service.ErrPrivileges
	if code, _, stderr := install(m); code != exitService || !strings.Contains(stderr, "elevated prompt") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, %s", code, stderr)
	}
}

func TestUninstallService(t *testing.T) {
	m := servicetest.New()
	if code, _, stderr := install(m); code != 0 {
		t.Fatal(stderr)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"service", "--service-name", "other"}, exitService, "there is no such service"},
		{[]string{"service"}, 0, "is removed"},
		{[]string{"service"}, exitService, "there is no such service"},
		{[]string{"services"}, exitUsage, "Usage:"},
		{nil, exitUsage, "Usage:"},
	} {
		var out bytes.Buffer
		flags := flag.NewFlagSet("uninstall", flag.ContinueOnError)
		if code := uninstallService(m.Open, flags, c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: code %d, %s", c.args, code, out.String())
		}
	}
}

func TestServicesElsewhere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this would install a service")
	}
	for _, verb := range []string{"install", "uninstall", "remove"} {
		code, _, stderr := call(&off{}, verb, "service", "--service-name", "y")
		if code != exitService || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "Windows") {
			t.Errorf("%s: code %d, %s", verb, code, stderr)
		}
	}
}

// TestAnOrderEndsTheWorker: a service is ended by the system, not by signals, and tells the event
// log of what is wrong.
func TestAnOrderEndsTheWorker(t *testing.T) {
	m := newMachine(t, nil)
	t.Chdir(m.dir)
	t.Setenv("TMPDIR", filepath.Join(m.dir, "tmp"))
	ctx, cancel := context.WithCancelCause(t.Context())
	orders, done := ordered(ctx)
	defer done()
	stderr, events := &output{}, &output{}
	code := make(chan int)
	go func() {
		handler := slog.NewTextHandler(events, &slog.HandlerOptions{Level: slog.LevelWarn})
		code <- run(options{program: "generic-worker-insecure", config: m.configure(), orders: orders, events: handler}, io.Discard, stderr, power{})
	}()
	until(t, "the worker is ready", func() bool { return strings.Contains(stderr.String(), "workerReady") })
	cancel(service.ErrShutdown)
	if got := <-code; got != exitDrained || !strings.Contains(stderr.String(), "the machine is shutting down") {
		t.Errorf("code %d, %s", got, stderr)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "worker.config"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	handler := slog.NewTextHandler(events, &slog.HandlerOptions{Level: slog.LevelWarn})
	if got := run(options{config: "worker.config", events: handler}, io.Discard, io.Discard, power{}); got != exitUnreadable || !strings.Contains(events.String(), "the worker ends") {
		t.Errorf("code %d, events %s", got, events)
	}
}
