package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
)

// containersBesideMultiuser: one worker runs both kinds, each as it should be.
func containersBesideMultiuser(t *testing.T, _ *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m := newMultiuser(t, map[string]any{"headlessTasks": true, "capacity": 2, "d2gConfig": object{"enableD2G": true}})
	m.start()
	native := m.create(sh("id -un"))
	in := m.create(contained(image, "id -un; echo of > /made", object{
		"features": object{"chainOfTrust": true}, "artifacts": object{"public/made": object{"type": "file", "path": "/made"}},
	}))
	m.resolved(native, 0, "completed")
	m.resolved(in, 0, "completed")
	contains(t, m.artifact(native, 0, backing), "\ntask_")
	contains(t, strings.ReplaceAll(m.artifact(in, 0, backing), "\r", ""), "\nroot\n")
	contains(t, m.artifact(in, 0, "public/chain-of-trust.json"), `"imageHash"`, `"public/made"`)
}

// containerMetadata: what answers at the clouds' address is not reached where the configuration says so.
func containerMetadata(t *testing.T, open *machine, _ dockertest.Engine, image string) {
	t.Helper()
	const address = "169.254.169.254"
	if out, err := exec.CommandContext(t.Context(), "ip", "addr", "replace", address+"/32", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, "80"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the role's keys") })} //nolint:gosec // a test
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	closed := newMachine(t, map[string]any{
		"disableNativePayloads": true, "enableChainOfTrust": false, "d2gConfig": object{"enableD2G": true}, "workerkit": map[string]any{"blockMetadata": true},
	})
	for m, want := range map[*machine]string{open: "completed", closed: "failed"} {
		p := m.start()
		id := m.create(contained(image, "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 "+address+" 80 | grep keys", nil))
		m.resolved(id, 0, want)
		if got := strings.Contains(m.artifact(id, 0, backing), "the role's keys"); got != (want == "completed") {
			t.Errorf("reached: %v, and the task %s", got, want)
		}
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		p.exits(exitInterrupted)
	}
}

// containerLimits: what is beyond the memory of a task fails it, and its log says so. The machine's shared
// memory is there for who may have it.
func containerLimits(t *testing.T, m *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m.start()
	id := m.create(contained(image, "head -c 300m /dev/zero | tail -c 299m > /dev/null", nil))
	m.resolved(id, 0, "failed")
	contains(t, m.artifact(id, 0, backing), "more than its 64 MiB of memory (workerkit.taskLimits)")
	mark := filepath.Join("/dev/shm", "workerkit-"+filepath.Base(m.dir))
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(mark)
	device := object{"capabilities": object{"devices": object{"hostSharedMemory": true}}}
	shared := m.create(contained(image, "test -e "+mark, device), having("docker-worker:capability:device:hostSharedMemory"))
	m.resolved(shared, 0, "completed")
}

// containersWithoutMounts: a pool without caches says so, and has all else.
func containersWithoutMounts(t *testing.T, m *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m.start()
	cache := m.create(contained(image, "true", object{"cache": object{"one": "/one"}}), having("docker-worker:cache:one"))
	m.resolved(cache, 0, "malformed-payload")
	volume := m.create(contained(image, "echo v > /vol/v", object{"artifacts": object{"public/vol": object{"type": "volume", "path": "/vol"}}}))
	m.resolved(volume, 0, "malformed-payload")
	for _, id := range []string{cache, volume} {
		contains(t, m.artifact(id, 0, backing), "payload.cache and artifacts of the type volume", "enableMounts", pool)
	}
	m.resolved(m.create(contained(image, "true", nil)), 0, "completed")
}
