//go:build unix

package files_test

import (
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/files"
)

// someone is a user and a group that files can be given to: others, when we may do that.
func someone() (user, group int) {
	if os.Geteuid() == 0 {
		return 12345, 23456
	}
	return os.Geteuid(), os.Getegid()
}

func owned(t *testing.T, path string, mode fs.FileMode, user, group int) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if info.Mode().Perm() != mode || int(stat.Uid) != user || int(stat.Gid) != group {
		t.Errorf("%s has mode %04o and is of %d:%d, want %04o, %d:%d", path, info.Mode().Perm(), stat.Uid, stat.Gid, mode, user, group)
	}
}

// TestModes: the one that is asked for, whatever the umask and the default.
func TestModes(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	me, mine := os.Geteuid(), os.Getegid()
	path := filepath.Join(t.TempDir(), "f")
	for _, c := range []struct {
		mode     files.Mode
		asked    string
		want     fs.FileMode
		lastMode fs.FileMode // of the file before
	}{
		{files.Public, "", 0o700, 0o666}, // within the umask
		{files.Public, "0644", 0o644, 0o600},
		{files.Public, "600", 0o600, 0o666},
		{files.Owner, "", 0o700, 0o666},
		{files.Owner, "0440", 0o440, 0o666},
	} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, c.lastMode); err != nil {
			t.Fatal(err)
		}
		f := file(path, "file", []byte("x"))
		f.Mode = c.asked
		if err := files.Write([]config.File{f}, c.mode); err != nil {
			t.Fatal(err)
		}
		owned(t, path, c.want, me, mine)
	}
}

func TestOwners(t *testing.T) {
	user, group := someone()
	dir := t.TempDir()
	f := file(filepath.Join(dir, "new", "f"), "file", []byte("x"))
	f.Mode, f.Owner, f.Group = "0640", strconv.Itoa(user), strconv.Itoa(group)
	if err := files.Write([]config.File{f}, files.Owner); err != nil {
		t.Fatal(err)
	}
	owned(t, f.Path, 0o640, user, group)
	owned(t, filepath.Dir(f.Path), 0o755, os.Geteuid(), os.Getegid())
}

// TestOwnersInAZip: of what it brings, and not of what was there.
func TestOwnersInAZip(t *testing.T) {
	user, group := someone()
	dir := t.TempDir()
	data := archive(t, entry{"there/new", "x", 0o644}, entry{"deep/er/file", "x", 0o755}, entry{"empty/", "", fs.ModeDir | 0o755})
	if err := os.Mkdir(filepath.Join(dir, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := config.File{
		Path: dir, Encoding: "base64", Format: "zip", Content: secret.New(base64.StdEncoding.EncodeToString(data)),
		Owner: strconv.Itoa(user), Group: strconv.Itoa(group),
	}
	if err := files.Write([]config.File{f}, files.Owner); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]fs.FileMode{"there/new": 0o600, "deep": 0o700, "deep/er": 0o700, "deep/er/file": 0o700, "empty": 0o700} {
		owned(t, filepath.Join(dir, path), mode, user, group)
	}
	owned(t, filepath.Join(dir, "there"), 0o755, os.Geteuid(), os.Getegid())

	f.Path = filepath.Join(dir, "fresh")
	if err := files.Write([]config.File{f}, files.Owner); err != nil {
		t.Fatal(err)
	}
	owned(t, f.Path, 0o755, user, group)
}

// TestOwnersByName: this user's own is known on every machine.
func TestOwnersByName(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root is sure to have a name")
	}
	f := file(filepath.Join(t.TempDir(), "f"), "file", []byte("x"))
	f.Owner = "root"
	if err := files.Write([]config.File{f}, files.Public); err != nil {
		t.Fatal(err)
	}
}
