// Package rootfs is a folder as a file system whose names can be any that the system has.
package rootfs

import (
	"io/fs"
	"os"
)

// FS is what is in root, without a way out of it. Other than root.FS() it opens also what has a name that is not
// UTF-8, which tasks and archives make. It does until root is closed, and can be used concurrently.
func FS(root *os.Root) fs.StatFS { return within{root} }

type within struct{ root *os.Root }

// Open implements fs.FS.
func (w within) Open(name string) (fs.File, error) { return w.root.Open(name) } //nolint:wrapcheck // names the file

// Stat implements fs.StatFS. A link is not followed.
func (w within) Stat(name string) (fs.FileInfo, error) { return w.root.Lstat(name) } //nolint:wrapcheck // likewise
