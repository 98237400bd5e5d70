package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/moby/client"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/docker/dockertest"
)

// leftInEngine lists the containers, volumes and networks that a worker has in an engine, all images, and what
// is in the folders where engines have what they are loading.
func leftInEngine(t *testing.T, e dockertest.Engine) []string {
	t.Helper()
	all := containers(t, e)
	volumes, err := e.API.VolumeList(t.Context(), client.VolumeListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Items {
		all = append(all, "volume "+v.Name)
	}
	networks, err := e.API.NetworkList(t.Context(), client.NetworkListOptions{Filters: make(client.Filters).Add("label", docker.Owner)})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks.Items {
		all = append(all, "network "+n.Name)
	}
	images, err := e.API.ImageList(t.Context(), client.ImageListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range images.Items {
		all = append(all, fmt.Sprint("image ", i.ID, i.RepoTags))
	}
	for _, place := range []string{filepath.Join(e.Folder, "tmp"), os.TempDir()} {
		entries, _ := os.ReadDir(place) // Podman has none
		for _, entry := range entries {
			if name := entry.Name(); strings.HasPrefix(name, "docker-import-") || strings.HasPrefix(name, "libpod") || strings.HasPrefix(name, "podman") || strings.HasPrefix(name, "storage") {
				all = append(all, "unfinished "+name)
			}
		}
	}
	return all
}

// containersLeaveNothing: workers are killed while they prepare and run tasks. When the last one ends well, there
// is nothing of theirs in the engine.
func containersLeaveNothing(t *testing.T, m *machine, e dockertest.Engine, image string) {
	t.Helper()
	before := leftInEngine(t, e)
	files := dockertest.Busybox(t)
	files["large"], files["volume"] = dockertest.File{Text: slices.Repeat([]byte("0123456789abcdef"), 4<<20)}, dockertest.File{Mode: fs.ModeDir | 0o777}
	made := dockertest.MakeImage(t, e, "workerkit.test/volumes:latest", files, "VOLUME /volume")
	path := save(t, e, made, m.dir)
	if _, err := e.API.ImageRemove(t.Context(), made, client.ImageRemoveOptions{Force: true, PruneChildren: true}); err != nil {
		t.Fatal(err)
	}
	killed := m.start()
	maker := m.create(with(sh(fmt.Sprintf("cp %s image.tar.zst", path)), "artifacts", []object{{"type": "file", "path": "image.tar.zst", "name": "public/image.tar.zst"}}))
	m.resolved(maker, 0, "completed")
	id := m.create(contained(object{"type": "task-image", "taskId": maker, "path": "public/image.tar.zst"},
		"echo v > /volume/v; echo c > /cache/c; sleep 600", object{"cache": object{"one": "/cache"}, "artifacts": object{"public/vol": object{"type": "volume", "path": "/vol"}}}),
		func(task *tcqueue.TaskDefinitionRequest) {
			task.Scopes, task.Dependencies = []string{"docker-worker:cache:one"}, []string{maker}
		})
	until(t, "the image is asked for", func() bool { return m.counts()["queue.latestArtifact"]+m.counts()["queue.artifact"] > 0 })
	killed.kill()
	killed = m.start()
	m.resolved(id, 0, "worker-shutdown")
	until(t, "it runs", func() bool { return m.reason(id, 1) == "running" && len(containers(t, e)) == 1 })
	killed.kill()
	last := m.start()
	m.resolved(id, 1, "worker-shutdown")
	until(t, "it runs again", func() bool { return m.reason(id, 2) == "running" && len(containers(t, e)) == 1 })
	if err := last.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	last.exits(exitDrained)
	after := leftInEngine(t, e)
	kept := slices.DeleteFunc(slices.Clone(after), func(s string) bool { return slices.Contains(before, s) })
	if len(kept) != 1 || !strings.Contains(kept[0], "localhost/workerkit/image:") {
		t.Errorf("left %q, of it only the image is to be kept", kept)
	}
	_ = image
}
