package dockertest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/docker"
)

// patience is how long an engine may take to start or to end.
const patience = 30 * time.Second

// Engine is an engine that runs for a test.
type Engine struct {
	*docker.Engine
	Label string // "docker" or "podman"
	// Stop ends the engine at once, as a fault would. Containers may live on.
	Stop func()
}

// kinds are the engines: what is started, and what has to be installed.
func kinds() []kind {
	return []kind{
		{"docker", []string{"dockerd", "containerd", "runc", "iptables"}, "docker.io and iptables", dockerd},
		{"podman", []string{"podman", "runc", "conmon"}, "podman, conmon and runc", podman},
	}
}

type kind struct {
	label    string
	programs []string
	packages string
	command  func(t *testing.T, dir, socket string) *exec.Cmd
}

// missing says which program is not there, "" for none.
func (k kind) missing() string {
	for _, p := range k.programs {
		if _, err := exec.LookPath(p); err != nil {
			return p
		}
	}
	return ""
}

// Each runs a test with each engine, one after the other. Call Inside first. An engine that is not
// installed is a subtest that is skipped and says what is missing.
func Each(t *testing.T, test func(t *testing.T, e Engine)) {
	t.Helper()
	for _, k := range kinds() {
		t.Run(k.label, func(t *testing.T) {
			if p := k.missing(); p != "" {
				t.Skipf("there is no %s: install %s", p, k.packages)
			}
			test(t, k.start(t))
		})
	}
}

// Engines starts all engines that are installed, which end with the test. Call Inside first. It
// skips where there is none.
func Engines(t *testing.T) []Engine {
	t.Helper()
	var all []Engine
	for _, k := range kinds() {
		if p := k.missing(); p != "" {
			t.Logf("there is no %s: without the packages %s this is not tested with %s", p, k.packages, k.label)
			continue
		}
		all = append(all, k.start(t))
	}
	if len(all) == 0 {
		t.Skip("no engine of containers is installed: install docker.io, or podman and runc")
	}
	return all
}

// start starts the engine and waits until it answers.
func (k kind) start(t *testing.T) Engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine-")
	if err != nil {
		t.Fatal(err)
	}
	socket := "unix://" + filepath.Join(dir, "sock")
	cmd := k.command(t, dir, socket)
	log := &bytes.Buffer{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log // Podman leaves files in its working directory
	cmd.WaitDelay = time.Second                     // for what it has started and has its output open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(ended)
	}()
	kill := func() {
		_ = cmd.Process.Kill() // may have ended
		<-ended
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // may have ended
		select {
		case <-ended:
		case <-time.After(patience):
			kill()
		}
		unmount(dir)
		_ = os.RemoveAll(dir) // what an orphan still writes there goes with the namespaces
		if t.Failed() {
			t.Logf("%s said:\n%s", k.label, log)
		}
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		e, err := docker.Open(t.Context(), socket)
		if err == nil {
			t.Cleanup(func() { _ = e.Close() })
			return Engine{Engine: e, Label: k.label, Stop: kill}
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", k.label, log)
		default:
		}
		if time.Now().After(deadline) {
			kill()
			t.Fatalf("%s does not answer: %v\n%s", k.label, err, log)
		}
	}
}

func dockerd(t *testing.T, dir, socket string) *exec.Cmd {
	t.Helper()
	write(t, filepath.Join(dir, "daemon.json"), "{}") // in place of the machine's
	return exec.CommandContext(context.WithoutCancel(t.Context()), "dockerd", "--host", socket, "--config-file", filepath.Join(dir, "daemon.json"),
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"))
}

// podman is told to use runc, and limits of processes that this user may set.
func podman(t *testing.T, dir, socket string) *exec.Cmd {
	t.Helper()
	files := map[string]string{
		"containers.conf": `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`,
		"storage.conf": "[storage]\ndriver = \"overlay\"\ngraphroot = \"" + dir + "/root\"\nrunroot = \"" + dir + "/run\"\n",
	}
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "podman", "system", "service", "--time", "0", socket)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(dir, "containers.conf"), "CONTAINERS_STORAGE_CONF="+filepath.Join(dir, "storage.conf"))
	return cmd
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
