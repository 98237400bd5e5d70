package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/service"
)

const testLog = "x-service.log"

// TestMain is also the program of the service that the tests install; its argument says how it ends.
func TestMain(m *testing.M) {
	if !service.Under() {
		os.Exit(m.Run())
	}
	code, err := service.Run(testLog, func(ctx context.Context, s service.Surroundings) int {
		fmt.Fprintln(s.Output, "here is", s.Name)
		switch os.Args[1] {
		case "reboot":
			return 67
		case "crash":
			time.Sleep(300 * time.Millisecond) // not before the system is done with starting it
			panic("told to")
		}
		<-ctx.Done()
		fmt.Fprintln(s.Output, context.Cause(ctx))
		return 72
	})
	if err != nil {
		os.Exit(1)
	}
	os.Exit(code)
}

// TestRealService installs a service, lets it run and end, and removes it.
func TestRealService(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for how, want := range map[string]int{"stop": 72, "reboot": 67, "crash": -1} {
		t.Run(how, func(t *testing.T) {
			if how == "crash" && windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
				t.Skip("Wine 8 takes a service whose process is gone for running")
			}
			program := filepath.Join(t.TempDir(), "a program.exe")
			if err := os.WriteFile(program, text, 0o700); err != nil { //nolint:gosec // a program
				t.Fatal(err)
			}
			d := service.Definition{
				Name: fmt.Sprintf("workerkit test %d %s", os.Getpid(), how), DisplayName: fmt.Sprintf("workerkit test %d %s", os.Getpid(), how),
				Description: "a test", Program: program, Args: []string{how, `a "quoted" one`},
				Restarts: []time.Duration{time.Hour}, ResetAfter: time.Minute, PreShutdown: time.Minute,
			}
			var told bytes.Buffer
			open := service.Opener(service.Open)
			for range 2 {
				if err := open.InstallCommand(d, &told); errors.Is(err, service.ErrPrivileges) {
					t.Skip("only an administrator can do this: ", err)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			other := d
			other.Args = nil
			if err := open.InstallCommand(other, &told); err == nil || !strings.Contains(err.Error(), "uninstall it first") {
				t.Errorf("another one: %v", err)
			}
			if got := ends(t, d.Name, how == "stop"); got.Code() != want {
				t.Errorf("ended with %+v, want %d", got, want)
			}
			if err := open.UninstallCommand(t.Context(), d.Name, time.Minute, &told); err != nil {
				t.Error(err)
			}
			if err := open.UninstallCommand(t.Context(), d.Name, time.Minute, &told); !errors.Is(err, service.ErrNotInstalled) {
				t.Errorf("again: %v", err)
			}
			log, err := os.ReadFile(filepath.Join(filepath.Dir(program), testLog))
			if err != nil || !strings.Contains(string(log), "here is "+d.Name) || strings.Contains(string(log), service.ErrStop.Error()) != (how == "stop") {
				t.Errorf("%v, the log: %s", err, log)
			}
			crash, err := os.ReadFile(filepath.Join(filepath.Dir(program), "x-service-crash.log"))
			if err != nil || strings.Contains(string(crash), "told to") != (how == "crash") {
				t.Errorf("%v, of the crash: %s", err, crash)
			}
		})
	}
}

// ends starts a service and says how it ends, by itself or when it is stopped.
func ends(t *testing.T, name string, stop bool) service.Status {
	t.Helper()
	s, err := service.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Stop(name); !errors.Is(err, service.ErrNotRunning) {
		t.Errorf("stop of what does not run: %v", err)
	}
	if err := s.Start(name); err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	wait := service.WaitStopped
	if stop {
		if err := s.Start(name); !errors.Is(err, service.ErrRunning) {
			t.Errorf("start of what runs: %v", err)
		}
		wait = service.Stop
	}
	if err := wait(ctx, s, name); err != nil {
		t.Fatal(err)
	}
	status, err := s.Status(name)
	if err != nil {
		t.Fatal(err)
	}
	return status
}
