// Package partition finds the partitions of a raw disk image, by its MBR or GPT.
package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sector is the size of a sector, in bytes; disk images have no other.
const Sector = 512

// Partition is a part of a disk, in bytes.
type Partition struct {
	Number       int // counted from 1, as in the table
	Offset, Size int64
	Ext4         bool // it holds an ext2, ext3 or ext4
}

// ErrNone means that the disk has no table of partitions.
var ErrNone = errors.New("no partition table")

const (
	extended  = 0x05 // types of MBR partitions
	extended2 = 0x0F
	gpt       = 0xEE // what an MBR says when there is a GPT behind it
)

// Read returns the disk's partitions in the order of its table. Logical partitions of an MBR
// are left out: no image has its root there.
func Read(disk io.ReaderAt) ([]Partition, error) {
	var mbr [Sector]byte
	if _, err := disk.ReadAt(mbr[:], 0); err != nil {
		return nil, fmt.Errorf("partition table: %w", err)
	}
	if mbr[510] != 0x55 || mbr[511] != 0xAA {
		return nil, ErrNone
	}
	var all []Partition
	for i := range 4 {
		entry := mbr[446+16*i:][:16]
		first, count := binary.LittleEndian.Uint32(entry[8:]), binary.LittleEndian.Uint32(entry[12:])
		switch kind := entry[4]; {
		case kind == gpt:
			return readGPT(disk)
		case kind == 0 || kind == extended || kind == extended2 || count == 0:
		default:
			all = append(all, probed(disk, Partition{Number: i + 1, Offset: int64(first) * Sector, Size: int64(count) * Sector}))
		}
	}
	if len(all) == 0 {
		return nil, ErrNone
	}
	return all, nil
}

// readGPT reads the table whose header is in the second sector.
func readGPT(disk io.ReaderAt) ([]Partition, error) {
	const (
		smallest = 128     // bytes of an entry
		most     = 1 << 20 // bytes of a table: 64 times what is usual
	)
	var header [92]byte
	if _, err := disk.ReadAt(header[:], Sector); err != nil {
		return nil, fmt.Errorf("partition table: GPT: %w", err)
	}
	if string(header[:8]) != "EFI PART" {
		return nil, errors.New("partition table: the MBR says that there is a GPT, and there is none")
	}
	at := binary.LittleEndian.Uint64(header[72:])
	count, size := binary.LittleEndian.Uint32(header[80:]), binary.LittleEndian.Uint32(header[84:])
	if size < smallest || uint64(count)*uint64(size) > most || at > 1<<40 {
		return nil, fmt.Errorf("partition table: a GPT of %d entries of %d bytes at sector %d", count, size, at)
	}
	table := make([]byte, int(count)*int(size))
	if _, err := disk.ReadAt(table, int64(at)*Sector); err != nil { //nolint:gosec // bounded above
		return nil, fmt.Errorf("partition table: GPT: %w", err)
	}
	var all []Partition
	for i := range int(count) {
		entry := table[i*int(size):][:size]
		if [16]byte(entry[:16]) == [16]byte{} {
			continue // unused
		}
		first, last := binary.LittleEndian.Uint64(entry[32:]), binary.LittleEndian.Uint64(entry[40:])
		if first > last || last > 1<<50 {
			return nil, fmt.Errorf("partition table: partition %d is from sector %d to %d", i+1, first, last)
		}
		all = append(all, probed(disk, Partition{
			Number: i + 1, Offset: int64(first) * Sector, Size: int64(last-first+1) * Sector, //nolint:gosec // bounded above
		}))
	}
	return all, nil
}

// probed adds what the partition holds.
func probed(disk io.ReaderAt, p Partition) Partition {
	const superblock, magic = 1024, 56
	var word [2]byte
	_, err := disk.ReadAt(word[:], p.Offset+superblock+magic)
	p.Ext4 = err == nil && binary.LittleEndian.Uint16(word[:]) == 0xEF53
	return p
}

// Root returns the partition that has the root file system: the largest ext4. Others of that
// kind are for booting.
func Root(all []Partition) (Partition, error) {
	var root Partition
	for _, p := range all {
		if p.Ext4 && p.Size > root.Size {
			root = p
		}
	}
	if !root.Ext4 {
		return Partition{}, errors.New("no partition of the disk holds an ext4")
	}
	return root, nil
}
