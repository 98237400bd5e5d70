package dockertest

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/internal/isolated"
)

// user is who the test of Rootless runs as.
const user = "rootless"

// become makes an ordinary user who has further numbers for the accounts in containers, and runs the test
// as that one.
const become = `useradd --create-home ` + user + ` || exit 1
for file in /etc/subuid /etc/subgid; do echo ` + user + `:100000:65536 > $file; done
install -d -m 700 -o ` + user + ` /run/` + user + ` || exit 1
cd /home/` + user + ` || exit 1
HOME=$PWD XDG_RUNTIME_DIR=/run/` + user + ` exec setpriv --reuid ` + user + ` --regid ` + user + ` --clear-groups "$@"`

// rootless is Podman without root.
func rootless() kind {
	return kind{
		"podman", []string{"podman", "runc", "conmon", "newuidmap", "slirp4netns", "setpriv"}, "podman, conmon, runc, uidmap and slirp4netns",
		false, prepareRootless, podman,
	}
}

// prepareRootless has it copy layers, which no file system refuses to a user.
func prepareRootless(dir string) error {
	storage := "[storage]\ndriver = \"vfs\"\ngraphroot = \"" + dir + "/root\"\nrunroot = \"" + dir + "/run\"\n"
	return errors.Join(preparePodman(dir), write(filepath.Join(dir, "storage.conf"), storage))
}

// Rootless is Inside and Each for a Podman without root: the test runs as an ordinary user, who starts it.
// It skips where that cannot be, and says what is missing.
func Rootless(t *testing.T, test func(t *testing.T, e Engine), files ...string) {
	t.Helper()
	k := rootless()
	if isolated.Entered() {
		test(t, k.start(t))
		return
	}
	self, line := enter(t)
	if why := k.missing(); why != "" {
		t.Skip(why)
	}
	cmd, err := Command(append([]string{self}, files...), append([]string{"/bin/sh", "-c", become, "sh"}, line...)...)
	if err != nil {
		t.Skip(err)
	}
	again(t, "rootless "+k.label, cmd)
}
