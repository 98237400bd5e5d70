package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestTheServiceManagerHears(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // the test is over
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "180000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	m := serviceManager()
	if m == nil || m.watchdog != 3*time.Minute {
		t.Fatalf("%+v", m)
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		if value, there := os.LookupEnv(name); there {
			t.Errorf("a task would have %s=%s", name, value)
		}
	}
	if err := m.send("READY=1\nSTATUS=up"); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 100)
	n, err := socket.Read(text)
	if got := string(text[:n]); err != nil || got != "READY=1\nSTATUS=up" {
		t.Errorf("heard %q, %v", got, err)
	}
	if serviceManager() != nil {
		t.Error("there is a manager without a socket")
	}
}

func TestAnothersWatchdog(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "@nobody")
	t.Setenv("WATCHDOG_USEC", "1000000")
	t.Setenv("WATCHDOG_PID", "1")
	if m := serviceManager(); m == nil || m.watchdog != 0 {
		t.Errorf("%+v", m)
	}
}

func TestTasksRunWhileTheirFileIsThere(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if tasksRun() {
		t.Error("there is no file")
	}
	path := filepath.Join(os.TempDir(), "worker-status.json")
	if err := os.WriteFile(path, []byte(`{"currentTaskIds":["t"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if !tasksRun() {
		t.Error("there is a file")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can give a file to somebody else")
	}
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if tasksRun() {
		t.Error("the file is somebody else's")
	}
}
