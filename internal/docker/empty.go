package docker

import (
	"context"
	"os"
	"path/filepath"
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
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
		}
	}
}

// written are the folders of this machine that have what a container has written, once it has ended.
func (e *Engine) written(ctx context.Context, id string) (dirs []string) {
	const attempts, pause = 20, 100 * time.Millisecond
	for range attempts {
		found, err := e.API.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
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
