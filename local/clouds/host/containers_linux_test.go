package host_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/local/clouds/host"
)

// The ways in which the config of a worker says that it has containers, and one in which it does not.
const (
	policy = `"d2gConfig": {"enableD2G": true}`
	former = `"enableD2G": true`
	engine = `"workerkit": {"engine": "container"}`
	native = `"d2gConfig": {"enableD2G": false}`
)

// withWorker writes the config of a machine's worker.
func withWorker(t *testing.T, dir, id, containers string) {
	t.Helper()
	text := fmt.Sprintf(`{"rootURL": "https://tc.example.com", "provisionerId": "demo", "workerType": "pool", "workerGroup": "us-east-1",
		"workerId": %q, "accessToken": "x", %s}`, id, containers)
	if err := os.WriteFile(filepath.Join(dir, "generic-worker.config"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// owned makes what a worker does for a task: a network, and a container that runs in it.
func owned(t *testing.T, e dockertest.Engine, image, id string) {
	t.Helper()
	labels := map[string]string{docker.Owner: docker.Identity("https://tc.example.com", "demo/pool", "us-east-1", id)}
	_, err := e.API.NetworkCreate(t.Context(), "of-"+id, client.NetworkCreateOptions{Driver: "bridge", Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	made, err := e.API.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name: "of-" + id, Config: &container.Config{Image: image, Cmd: []string{"sleep", "1000"}, Labels: labels},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode("of-" + id)},
	})
	if err == nil {
		_, err = e.API.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// left lists the containers and networks with the label.
func left(t *testing.T, e dockertest.Engine) string {
	t.Helper()
	filter := make(client.Filters).Add("label", docker.Owner)
	containers, err := e.API.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	networks, err := e.API.NetworkList(t.Context(), client.NetworkListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range containers.Items {
		all = append(all, c.Names...)
	}
	for _, n := range networks.Items {
		all = append(all, n.Name)
	}
	return strings.Join(all, " ")
}

// TestContainersGoWithTheirMachine has machines whose plugs are pulled in mid-task.
func TestContainersGoWithTheirMachine(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		image := dockertest.BusyboxImage(t, e)
		dir := filepath.Join(t.TempDir(), "machines")
		h := newHost(t, "waits", func(o *host.Options) { o.Dir, o.Env = dir, append(o.Env, "DOCKER_HOST="+e.Host) })
		for id, containers := range map[string]string{"one": policy, "two": engine, "none": native} {
			withWorker(t, boot(t, h, id).Folder, id, containers)
			owned(t, e, image, id)
		}
		h.Delete(key("one"))
		eventually(t, "the machine is gone", func() bool { return !h.Exists(key("one")) })
		if got := left(t, e); strings.Contains(got, "of-one") || strings.Count(got, "of-two") != 2 {
			t.Errorf("after the end of one: %s", got)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if got := left(t, e); strings.Contains(got, "of-two") || strings.Count(got, "of-none") != 2 {
			t.Errorf("after the host's end: %s", got)
		}

		// What a host that was killed has left goes when there is one again.
		killed := filepath.Join(dir, "none")
		if err := os.MkdirAll(killed, 0o700); err != nil {
			t.Fatal(err)
		}
		withWorker(t, killed, "none", former)
		if err := os.WriteFile(filepath.Join(killed, "runner.yml"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		newHost(t, "waits", func(o *host.Options) { o.Dir, o.Env = dir, append(o.Env, "DOCKER_HOST="+e.Host) })
		if got := left(t, e); got != "" {
			t.Errorf("after the next host's start: %s", got)
		}
	})
}

// TestMachinesEndWithoutTheirEngine: an engine that is gone is said, and nothing else.
func TestMachinesEndWithoutTheirEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none")
	var log bytes.Buffer
	h := newHost(t, "waits", func(o *host.Options) {
		o.Env, o.Log = append(o.Env, "DOCKER_HOST=unix://"+socket), slog.New(slog.NewTextHandler(&log, nil))
	})
	m := boot(t, h, "one")
	withWorker(t, m.Folder, "one", policy)
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(m.Folder); !os.IsNotExist(err) {
		t.Errorf("its folder: %v, want none", err)
	}
	if !strings.Contains(log.String(), "left something") || !strings.Contains(log.String(), "no engine of containers answers") {
		t.Errorf("log: %s", &log)
	}
}
