package qemu

import (
	"context"
	_ "embed"

	"github.com/workerkit/workerkit/platformtest/overlay"
)

//go:embed unshare/unshare.go.txt
var unshare string

// Overlay writes, into dir, what `go build -overlay` needs to make tests that QEMU 7.2 can run, and
// returns its path. Nothing else of Go is changed than these two, and overlay.Quiet:
//
// The emulator refuses the call by which Go makes a process with namespaces of its own; the program
// unshare of this machine makes them too. User namespaces are left: only our own code makes those.
//
// A process that reads its own stat in /proc is told another time of its start than all others are, so
// that two of our workers would take each other's control groups for those of the dead. By a path that
// the emulator does not know, the kernel answers.
func Overlay(ctx context.Context, dir string) (string, error) {
	const (
		start = "func (c *Cmd) Start() error {\n"
		read  = "func ReadFile(name string) ([]byte, error) {\n"
	)
	return overlay.Write(ctx, dir,
		overlay.Change{File: "os/exec/exec.go", Was: start, Is: start + "\tc.throughUnshare()\n", Beside: unshare},
		overlay.Change{File: "os/file.go", Was: read, Is: read +
			"\tif n := len(name); n > 11 && name[:6] == \"/proc/\" && name[n-5:] == \"/stat\" {\n" +
			"\t\tname = \"/proc/.\" + name[5:]\n\t}\n"},
		overlay.Quiet(),
	)
}
