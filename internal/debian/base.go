// Package debian makes bootable disks with Debian, for machines of tests. It needs root, but no loop
// device.
package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/qemu"
)

// Base is a Debian 12 for amd64 that is made once and kept. Its modules of the kernel are
// few at the boot, as an emulated processor boots it; root logs in over SSH with the base's key.
type Base struct {
	Name      string // of its files in the cache
	Packages  string // with commas between
	Customise string // a script, with the root folder as $1
	Files     map[string]string
	GiB       int64 // the size of the disk
}

// addresses has each network card ask for its address.
const addresses = "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"

const (
	essential = `mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/slim"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$1/etc/initramfs-tools/modules"`
	customise = `: >"$1/etc/resolv.conf"
chroot "$1" systemctl enable systemd-networkd.service
chroot "$1" systemctl mask serial-getty@ttyS0.service getty@tty1.service`
)

// Disk is the path of the disk, a qcow2.
func (b Base) Disk(cache string) string { return filepath.Join(cache, b.Name+".qcow2") }

// Key is the path of the private key.
func (b Base) Key(cache string) string { return filepath.Join(cache, b.Name+".key") }

// Missing says which of Debian's packages must be installed for Make.
func Missing() []string {
	missing := map[string]bool{}
	for program, in := range map[string]string{
		"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "grub-mkimage": "grub-common", "qemu-img": "qemu-utils", "ssh-keygen": "openssh-client",
	} {
		if _, err := exec.LookPath(program); err != nil {
			missing[in] = true
		}
	}
	if _, err := os.Stat(grubFolder); err != nil {
		missing["grub-pc-bin"] = true
	}
	return slices.Sorted(maps.Keys(missing))
}

// Make makes the disk and its key, unless the folder cache has them, and tells step what it has
// done, and for how long. It alone needs a network.
func (b Base) Make(ctx context.Context, cache string, step func(name string, began time.Time)) error {
	began := time.Now()
	stamp, recipe := b.Disk(cache)+".sha256", b.recipe()
	if made, err := os.ReadFile(stamp); err == nil && string(made) == recipe { //nolint:gosec // of the cache
		step("base: "+b.Disk(cache)+" is there", began)
		return nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	root, err := os.MkdirTemp(cache, "root-")
	if err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if err = os.Chmod(root, 0o755); err == nil { //nolint:gosec // it becomes /
		err = b.fill(ctx, root, b.Key(cache))
	}
	if err == nil {
		step("base: mmdebstrap", began)
		began = time.Now()
		err = makeDisk(ctx, root, b.Disk(cache), b.GiB)
		step("base: disk", began)
	}
	if err = errors.Join(err, os.RemoveAll(root)); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	return os.WriteFile(stamp, []byte(recipe), 0o600)
}

// recipe changes when the base would.
func (b Base) recipe() string {
	text, _ := json.Marshal(b) // of texts and a number
	sum := sha256.Sum256([]byte(strings.Join([]string{string(text), essential, customise, addresses, grubConfig}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// fill makes the base's files, with a new key.
func (b Base) fill(ctx context.Context, root, key string) error {
	err := run(ctx, "mmdebstrap", "--variant=minbase", "--include=linux-base,initramfs-tools,systemd-sysv,dbus,udev,openssh-server,iproute2,e2fsprogs,util-linux,"+b.Packages,
		`--aptopt=Apt::Install-Recommends "false"`,
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--essential-hook="+essential, "--customize-hook="+customise+"\n"+b.Customise, "bookworm", root)
	if err != nil {
		return err
	}
	for _, name := range []string{key, key + ".pub"} {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	if err := run(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", b.Name, "-f", key); err != nil {
		return err
	}
	public, err := os.ReadFile(key + ".pub") //nolint:gosec // made a moment ago
	if err != nil {
		return err
	}
	files := map[string]string{
		"etc/systemd/network/80-dhcp.network": addresses,
		"etc/fstab":                           "LABEL=root / ext4 defaults,noatime 0 1\n",
		"etc/hostname":                        "localhost\n",
		"root/.ssh/authorized_keys":           string(public),
	}
	maps.Copy(files, b.Files)
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o644)); err != nil { //nolint:gosec // as on any machine
			return err
		}
	}
	return nil
}

// run runs a program to its end, and has what it printed last in the error.
func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // of this package
	qemu.DiesWithUs(cmd)
	printed, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
		return fmt.Errorf("%s: %w\n  | %s", name, err, strings.Join(lines[max(0, len(lines)-20):], "\n  | "))
	}
	return nil
}
