package dockertest

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/docker"
)

// Engine is an engine that runs for a test.
type Engine struct {
	*docker.Engine
	Label  string // "docker", "docker-containerd" or "podman"
	daemon *Daemon
}

// Stop ends the engine at once, as a fault would. Containers may live on.
func (e Engine) Stop() { e.daemon.Kill() }

// Restart has the engine end in its own way and starts it again, as systemctl restart does.
func (e Engine) Restart(t *testing.T) {
	t.Helper()
	if err := e.daemon.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Work is how much time of processors the engine itself has had, its containers not counted.
func (e Engine) Work(t *testing.T) time.Duration {
	t.Helper()
	const user, system, tick = 11, 12, 10 * time.Millisecond // fields after the name, and their unit
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.daemon.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var sum int
	for _, i := range []int{user, system} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum) * tick
}

// containerd is the label of Docker with images in containerd's store.
const containerd = "docker-containerd"

// kinds are the engines that this test is for.
func kinds() []kind {
	return slices.DeleteFunc([]kind{
		{"docker", []string{"dockerd", "containerd", "runc", "iptables"}, "docker.io and iptables", true, prepareDockerd, dockerd},
		{containerd, []string{"dockerd", "containerd", "runc", "iptables"}, "docker.io and iptables", true, prepareContainerd, dockerd},
		{"podman", []string{"podman", "runc", "conmon"}, "podman, conmon and runc", false, preparePodman, podman},
	}, func(k kind) bool { label := os.Getenv(only); return label != "" && label != k.label })
}

// Each runs a test with the engine that this is for. Call Inside first. An engine that is not
// installed is a subtest that is skipped and says what is missing.
func Each(t *testing.T, test func(t *testing.T, e Engine)) {
	t.Helper()
	for _, k := range kinds() {
		t.Run(k.label, func(t *testing.T) {
			if why := k.missing(); why != "" {
				t.Skip(why)
			}
			test(t, k.start(t))
		})
	}
}

// start starts the engine, which ends with the test.
func (k kind) start(t *testing.T) Engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine-")
	if err != nil {
		t.Fatal(err)
	}
	d, e, err := k.launch(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.Close() // never fails
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", k.label, d.Log())
		}
	})
	return Engine{Engine: e, Label: k.label, daemon: d}
}
