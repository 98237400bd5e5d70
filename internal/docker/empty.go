package docker

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/disk"
)

// spare is how many bytes Podman needs to note that a container is gone.
const spare = 16 << 20

// makeRoom takes away what a container has written, before it is removed, when the disk is full: Podman
// could not note then that it is gone, and would keep the files for ever without knowing of them. What goes
// wrong here shows when the container is removed.
func (e *Engine) makeRoom(ctx context.Context, id string) {
	if !e.Podman {
		return
	}
	if free, err := disk.Free(e.Folder); err != nil || free >= spare {
		return
	}
	_, _ = e.API.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "SIGKILL"}) // may have ended
	for _, dir := range e.written(ctx, id) {
		shorten(dir)
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
		}
	}
}

// shorten takes away what is in the files of a folder. To remove them is not enough while they are shown
// in the container: the system keeps them for that.
func shorten(dir string) {
	root, err := os.OpenRoot(dir) // no link leads out of it, whoever may make one meanwhile
	if err != nil {
		return
	}
	defer root.Close()
	_ = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // the rest is gone through
		}
		if f, err := root.OpenFile(path, os.O_WRONLY|os.O_TRUNC|syscall.O_NONBLOCK, 0); err == nil {
			_ = f.Close() // nothing was written
		}
		return nil
	})
}

// written are the folders of this machine that have what a container has written, once it has ended.
func (e *Engine) written(ctx context.Context, id string) (dirs []string) {
	const attempts, pause = 20, 100 * time.Millisecond
	for range attempts {
		found, err := e.API.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if Full(err) { // it cannot note that the container has ended, and says nothing more of it
			dirs = []string{e.layer(id)}
			break
		}
		c := found.Container
		if err != nil || ctx.Err() != nil {
			return nil
		}
		if c.State == nil || c.State.Running || c.GraphDriver == nil {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		dirs = append(dirs, c.GraphDriver.Data["UpperDir"])
		for _, m := range c.Mounts {
			if m.Type == mount.TypeVolume {
				dirs = append(dirs, m.Source)
			}
		}
		break
	}
	var own []string
	for _, dir := range dirs { // nothing but Podman's own, whatever it says
		if rel, err := filepath.Rel(e.Folder, dir); err == nil && rel != "." && filepath.IsLocal(rel) {
			own = append(own, dir)
		}
	}
	return own
}

// layer is the folder of what a container has written, by the list that Podman keeps in its storage; "" when
// it is not there.
// https://github.com/containers/storage/blob/main/docs/containers-storage.md
func (e *Engine) layer(id string) string {
	text, err := os.ReadFile(filepath.Join(e.Folder, "overlay-containers", "containers.json"))
	var list []struct{ ID, Layer string }
	if err != nil || json.Unmarshal(text, &list) != nil {
		return ""
	}
	for _, c := range list {
		if c.ID == id && c.Layer != "" {
			return filepath.Join(e.Folder, "overlay", c.Layer, "diff")
		}
	}
	return ""
}
