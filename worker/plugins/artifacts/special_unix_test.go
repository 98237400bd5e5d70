//go:build unix

package artifacts_test

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

// special leaves a pipe, which would block whoever opens it, and links to a device and to nothing.
func special(run *plugintest.Run) {
	if err := unix.Mkfifo(filepath.Join(run.Dir, "pipe"), 0o600); err != nil {
		panic(err)
	}
	for name, target := range map[string]string{"dangling": "nothing", "device": "/dev/zero"} {
		if err := unix.Symlink(target, filepath.Join(run.Dir, name)); err != nil {
			panic(err)
		}
	}
}
