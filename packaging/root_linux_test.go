package packaging_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Of Debian the test machine has the least that boots.
const (
	suite    = "bookworm"
	packages = "systemd-sysv,dbus"
)

// debian returns an archive of a clean root file system of Debian. It is fetched once, and kept in
// the user's cache.
func debian(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can install packages, and boot a machine")
	}
	need(t, "mmdebstrap", "tar", "chroot", "dpkg")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip("there is no place to keep a root file system:", err)
	}
	key := sha256.Sum256([]byte(suite + " " + packages + " " + debArch()))
	path := filepath.Join(cache, "workerkit-packaging", hex.EncodeToString(key[:8])+".tar")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(t.TempDir(), "root.tar")
	cmd := exec.CommandContext(t.Context(), "mmdebstrap", "--variant=minbase", "--include="+packages,
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*", suite, part)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("the packages of Debian cannot be had: %v: %s", err, last(string(out)))
	}
	mustRun(t, exec.Command("mv", part, path)) // may be to another file system
	return path
}

// unpacked is a new copy of the root file system.
func unpacked(t testing.TB, archive string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // a root folder
		t.Fatal(err)
	}
	mustRun(t, exec.Command("tar", "--extract", "--numeric-owner", "--file", archive, "--directory", dir))
	return dir
}

// debArch is Debian's name of this machine's architecture.
func debArch() string {
	out, err := exec.Command("dpkg", "--print-architecture").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// last is the last line of an output.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
