package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	baseName = "debian-12-amd64.qcow2" // as images/debian-12.hcl calls it
	keyName  = "debian-12-amd64.key"
)

// packages of the base: what a cloud's Debian has, and what the definition installs, so that the
// build needs no network.
const packages = "linux-image-cloud-amd64,initramfs-tools,systemd-sysv,dbus,udev,openssh-server,iproute2," +
	"ca-certificates,curl,git,zstd,nftables,chrony,mdadm,e2fsprogs,util-linux"

// The base is slim, because an emulated processor boots it.
const (
	hooks = `mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/slim"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$1/etc/initramfs-tools/modules"`
	customise = `: >"$1/etc/resolv.conf"
chroot "$1" systemctl enable systemd-networkd.service
chroot "$1" systemctl mask serial-getty@ttyS0.service getty@tty1.service`
	addresses = "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
)

// makeBase makes the Debian disk that the image is built upon, unless the cache has it.
func makeBase(ctx context.Context, cache string) error {
	stamp := filepath.Join(cache, "base.sha256")
	recipe := recipe()
	if made, err := os.ReadFile(stamp); err == nil && string(made) == recipe {
		say("base: %s is there", filepath.Join(cache, baseName))
		return nil
	}
	began := time.Now()
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	root, err := os.MkdirTemp(cache, "root-")
	if err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if err = os.Chmod(root, 0o755); err == nil { //nolint:gosec // it becomes /
		err = fillBase(ctx, root, filepath.Join(cache, keyName))
	}
	if err == nil {
		step("base: mmdebstrap", began)
		began = time.Now()
		err = makeDisk(ctx, root, filepath.Join(cache, baseName))
		step("base: disk", began)
	}
	if err = errors.Join(err, os.RemoveAll(root)); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	return os.WriteFile(stamp, []byte(recipe), 0o600)
}

// recipe changes when the base would.
func recipe() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{packages, hooks, customise, addresses, grubConfig, diskSize}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// fillBase makes the base's files, with a new key by which packer logs in.
func fillBase(ctx context.Context, root, key string) error {
	err := tool(ctx, "mmdebstrap", "--variant=minbase", "--include="+packages,
		`--aptopt=Apt::Install-Recommends "false"`,
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--essential-hook="+hooks, "--customize-hook="+customise, "bookworm", root)
	if err != nil {
		return err
	}
	for _, name := range []string{key, key + ".pub"} {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	if err := tool(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "imagetest", "-f", key); err != nil {
		return err
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"etc/systemd/network/80-dhcp.network": addresses,
		"etc/fstab":                           "LABEL=root / ext4 defaults,noatime 0 1\n",
		"etc/hostname":                        "localhost\n",
		"root/.ssh/authorized_keys":           string(public),
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o644)); err != nil { //nolint:gosec // as on any machine
			return err
		}
	}
	return nil
}
