//go:build unix

package host_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds/host"
)

// modeVariable makes the test binary the start-worker of a machine that behaves in some way.
const modeVariable = "HOST_TEST_MODE"

// hostsMode makes it a process that hosts a machine and says its process id.
const hostsMode = "hosts"

func TestMain(m *testing.M) {
	if os.Getenv(modeVariable) == hostsMode {
		os.Exit(hosts(os.Getenv("HOST_TEST_DIR")))
	}
	if mode := os.Getenv(modeVariable); mode != "" {
		os.Exit(startWorker(mode))
	}
	os.Exit(m.Run())
}

// hosts boots a machine and waits.
func hosts(dir string) int {
	h, err := host.New(context.Background(), host.Options{StartWorker: os.Args[0], GenericWorker: os.Args[0], Dir: dir, Env: []string{modeVariable + "=waits"}})
	if err != nil {
		return 1
	}
	if err := h.Boot(context.Background(), key("one"), cloud{}, nil); err != nil {
		return 2
	}
	for {
		if list := h.Machines(); len(list) == 1 && list[0].PID != 0 {
			fmt.Println(list[0].PID)
			break
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Hour)
	return 0
}

// startWorker stands in for the program of that name, in the machine's folder.
func startWorker(mode string) int {
	fmt.Fprintln(os.Stderr, "started with", os.Args[1])
	fmt.Println("root URL:", os.Getenv("TASKCLUSTER_ROOT_URL"), "extra:", os.Getenv("HOST_TEST_EXTRA"))
	_, err := os.Stat("booted")
	first := err != nil
	if err := os.WriteFile("booted", nil, 0o600); err != nil {
		return 3
	}
	switch mode {
	case "exits":
		return 7
	case "switches off":
		return call("shutdown", "-h", "now")
	case "reboots":
		if first {
			return call("shutdown", "-r", "now")
		}
	case "lingers":
		signal.Ignore(syscall.SIGTERM)
		if code := call("poweroff"); code != 0 {
			return code
		}
	case "has a child":
		child := exec.Command("sleep", "1000")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return 4
		}
		if err := os.WriteFile("child.tmp", fmt.Append(nil, child.Process.Pid), 0o600); err != nil {
			return 5
		}
		if err := os.Rename("child.tmp", "child"); err != nil {
			return 6
		}
	}
	time.Sleep(time.Hour)
	return 0
}

func call(program string, args ...string) int {
	if err := exec.Command(program, args...).Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	return 0
}
