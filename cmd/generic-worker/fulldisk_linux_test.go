package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk: a task that fills the disk is the only one that suffers, and its log says so.
func TestFullDisk(t *testing.T) {
	if !inside(t) { // where mounts are nobody else's
		return
	}
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 2})
	tasks := filepath.Join(m.dir, "tasks")
	if err := os.Mkdir(tasks, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", tasks, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Unmount(tasks, syscall.MNT_DETACH) }()
	p := m.start()
	full := m.create(sh("echo the beginning; head -c 20000000 /dev/urandom | base64"))
	m.resolved(full, 0, "internal-error")
	contains(t, m.artifact(full, 0, backing), "\nthe beginning\n", "[taskcluster:error] the log ends here", "no space left on device")
	next := m.create(sh("echo there is space"))
	m.resolved(next, 0, "completed")
	p.exits(exitEnough)
}
