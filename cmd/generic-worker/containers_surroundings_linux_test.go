package main

import (
	"fmt"
	"maps"
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

// TestRootlessContainers has a worker of an ordinary user, with a Podman of the same user, run payloads of
// docker-worker. What it cannot do it says.
func TestRootlessContainers(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, path)
	}
	dockertest.Rootless(t, func(t *testing.T, e dockertest.Engine) {
		if os.Geteuid() == 0 || !e.Rootless {
			t.Fatalf("user %d has %+v", os.Geteuid(), e.Engine)
		}
		t.Setenv("DOCKER_HOST", e.Host)
		image := dockertest.BusyboxImage(t, e)
		m := newMachine(t, map[string]any{"d2gConfig": object{"enableD2G": true}, "workerkit": map[string]any{"killGraceSecs": 1}})
		p := m.start()
		cache := contained(image, "id -u; cat /builds/one/before; echo kept > /builds/one/before; echo made > /made; echo of > /vol/v", object{
			"cache": object{"one": "/builds/one"}, "artifacts": object{
				"public/made": object{"type": "file", "path": "/made"}, "public/vol": object{"type": "volume", "path": "/vol"},
			},
		})
		for _, before := range []string{"No such file", "kept"} {
			id := m.create(cache, having("docker-worker:cache:one"))
			m.resolved(id, 0, "completed")
			contains(t, strings.ReplaceAll(m.artifact(id, 0, backing), "\r", ""), "\n0\n", before)
			contains(t, m.artifact(id, 0, "public/made"), "made")
			contains(t, m.artifact(id, 0, "public/vol/v"), "of")
		}
		contains(t, p.stderr.String(), "tasks run in containers too", "rootless: true")
		endless := m.create(contained(image, "sleep 1000", object{"maxRunTime": 1}))
		m.resolved(endless, 0, "failed")
		proxy := m.create(contained(image, "true", object{"features": object{"taskclusterProxy": true}}))
		m.resolved(proxy, 0, "malformed-payload")
		contains(t, m.artifact(proxy, 0, backing), "rootless")
		until(t, "all containers are gone", func() bool { return len(containers(t, e)) == 0 })
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		p.exits(exitInterrupted)
		maps.Copy(m.config, map[string]any{"disableNativePayloads": true, "enableChainOfTrust": false, "workerkit": map[string]any{"blockMetadata": true}})
		p = m.start()
		p.exits(exitInvalid)
		contains(t, p.stderr.String(), "workerkit.blockMetadata cannot be true", "rootless")
	}, path)
}
