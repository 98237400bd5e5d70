package qemu

import (
	"context"
	_ "embed"

	"github.com/workerkit/workerkit/platformtest/overlay"
)

//go:embed unshare/unshare.go.txt
var unshare string

// Overlay writes, into dir, what `go build -overlay` needs to make tests that start programs in
// namespaces, and returns its path. The emulator refuses the call by which Go makes a process with
// namespaces of its own; the program unshare of this machine makes them too. User namespaces are left:
// only our own code makes those.
func Overlay(ctx context.Context, dir string) (string, error) {
	return overlay.Write(ctx, dir, overlay.Change{
		File:   "os/exec/exec.go",
		Was:    "func (c *Cmd) Start() error {\n",
		Is:     "func (c *Cmd) Start() error {\n\tc.throughUnshare()\n",
		Beside: unshare,
	})
}
