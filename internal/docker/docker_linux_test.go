package docker_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/docker/dockertest"
)

func TestHosts(t *testing.T) {
	env := map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"}
	want := []string{
		"unix:///var/run/docker.sock", "unix:///run/podman/podman.sock",
		"unix:///run/user/7/docker.sock", "unix:///run/user/7/podman/podman.sock",
	}
	if got := docker.Hosts(func(n string) string { return env[n] }); !slices.Equal(got, want) {
		t.Errorf("tried %q, want %q", got, want)
	}
	env["DOCKER_HOST"] = "tcp://127.0.0.1:1"
	if got := docker.Hosts(func(n string) string { return env[n] }); !slices.Equal(got, []string{"tcp://127.0.0.1:1"}) {
		t.Errorf("with DOCKER_HOST tried %q", got)
	}
}

// TestNoEngine has each way in which there is none say so.
func TestNoEngine(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", closed)
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = listener.Close()
	for host, want := range map[string]string{
		"unix://" + filepath.Join(dir, "none"): "there is no such socket",
		"unix://" + closed:                     "nothing listens there",
		"nonsense":                             "nonsense",
	} {
		_, err := docker.Open(t.Context(), host)
		if !errors.Is(err, docker.ErrNoEngine) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "DOCKER_HOST") {
			t.Errorf("%s: %v, want %q", host, err, want)
		}
	}
	cause := errors.New("no time")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := docker.Open(ctx, "unix://"+closed); !errors.Is(err, cause) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// TestEngines opens both, runs a container in each, and has them go away.
func TestEngines(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		if e.Podman != (e.Label == "podman") || e.Version == "" || e.Rootless || e.CgroupVersion == "" || e.Layered == e.Containerd || e.Containerd != (e.Label == "docker-containerd") || !strings.HasPrefix(e.Folder, os.TempDir()) {
			t.Errorf("it is %+v", e.Engine)
		}
		image := dockertest.BusyboxImage(t, e)
		if code := runs(t, e, image, "exit 7"); code != 7 {
			t.Errorf("exit code %d, want 7", code)
		}
		_, err := e.API.ContainerInspect(t.Context(), "none", client.ContainerInspectOptions{})
		if !docker.Missing(err) || docker.Gone(err) {
			t.Errorf("what is missing: %v", err)
		}
		e.Stop()
		if _, err := e.API.Info(t.Context(), client.InfoOptions{}); !docker.Gone(err) || docker.Missing(err) {
			t.Errorf("what is gone: %v", err)
		}
	})
}

// runs runs a script in a container and returns its exit code.
func runs(t *testing.T, e dockertest.Engine, image, script string) int64 {
	t.Helper()
	made, err := e.API.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: image, Cmd: []string{"sh", "-c", script}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.API.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	wait := e.API.ContainerWait(t.Context(), made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	defer func() {
		if _, err := e.API.ContainerRemove(t.Context(), made.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}()
	select {
	case end := <-wait.Result:
		return end.StatusCode
	case err := <-wait.Error:
		t.Fatal(err)
	}
	return -1
}
