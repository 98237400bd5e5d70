package debian

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	grubFolder = "/usr/lib/grub/i386-pc"
	sector     = 512
	partStart  = 2048 // sectors; the loader is before it
)

// grubConfig is in the loader itself, so that the disk needs no configuration of it. The console
// is the serial port, and systemd tells there what it has reached.
const grubConfig = `linux (hd0,msdos1)/vmlinuz root=LABEL=root ro console=ttyS0 net.ifnames=0 mitigations=off random.trust_cpu=on systemd.show_status=1
initrd (hd0,msdos1)/initrd.img
boot
`

// makeDisk makes a bootable disk of the files in root, without a loop device: the partition is
// made in its place in the file, and GRUB's two parts are copied to theirs.
func makeDisk(ctx context.Context, root, disk string, gib int64) (err error) {
	raw, sectors := disk+".raw", gib<<30/sector-partStart
	defer func() { err = errors.Join(err, os.RemoveAll(raw), os.RemoveAll(raw+".core"), os.RemoveAll(raw+".cfg")) }()
	if err := os.WriteFile(raw+".cfg", []byte(grubConfig), 0o600); err != nil {
		return err
	}
	err = run(ctx, "grub-mkimage", "-O", "i386-pc", "-p", "/boot/grub", "-c", raw+".cfg", "-o", raw+".core",
		"biosdisk", "part_msdos", "ext2", "linux", "boot")
	if err != nil {
		return err
	}
	if err := run(ctx, "qemu-img", "create", "-q", "-f", "raw", raw, fmt.Sprintf("%dG", gib)); err != nil {
		return err
	}
	// Features that GRUB does not know are left out; its partition ends with the disk.
	err = run(ctx, "mke2fs", "-q", "-t", "ext4", "-L", "root", "-m", "0", "-O", "^orphan_file,^metadata_csum_seed",
		"-E", fmt.Sprintf("offset=%d,lazy_itable_init=1,root_owner=0:0", partStart*sector), "-d", root, raw, fmt.Sprintf("%dk", sectors*sector/1024))
	if err != nil {
		return err
	}
	if err := makeBootable(raw, raw+".core", sectors); err != nil {
		return err
	}
	return run(ctx, "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, disk)
}

// makeBootable writes GRUB and the table of the one partition. GRUB's first sector looks for the
// rest right behind itself.
func makeBootable(disk, corePath string, sectors int64) error {
	first, err := os.ReadFile(filepath.Join(grubFolder, "boot.img"))
	if err != nil {
		return err
	}
	core, err := os.ReadFile(corePath) //nolint:gosec // made a moment ago
	if err != nil {
		return err
	}
	if len(first) < 440 || len(core) > (partStart-1)*sector {
		return fmt.Errorf("GRUB does not fit: %d and %d bytes", len(first), len(core))
	}
	f, err := os.OpenFile(disk, os.O_WRONLY, 0) //nolint:gosec // made a moment ago
	if err != nil {
		return err
	}
	_, err = f.WriteAt(append(bootSector(first, sectors), core...), 0)
	return errors.Join(err, f.Close())
}

// bootSector is GRUB's code with a table of one active Linux partition.
func bootSector(code []byte, sectors int64) []byte {
	table := make([]byte, sector)
	copy(table, code[:440])
	entry := table[446:]
	entry[0], entry[4] = 0x80, 0x83
	binary.LittleEndian.PutUint32(entry[8:], partStart)
	binary.LittleEndian.PutUint32(entry[12:], uint32(sectors)) //nolint:gosec // a disk of a few gigabytes
	table[510], table[511] = 0x55, 0xAA
	return table
}
