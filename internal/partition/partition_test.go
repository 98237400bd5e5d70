package partition

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// disk makes an image of 4 MiB whose MBR has the entries.
func disk(entries ...[3]uint32) []byte {
	d := make([]byte, 4<<20)
	for i, e := range entries {
		entry := d[446+16*i:]
		entry[4] = byte(e[0])
		binary.LittleEndian.PutUint32(entry[8:], e[1])
		binary.LittleEndian.PutUint32(entry[12:], e[2])
	}
	d[510], d[511] = 0x55, 0xAA
	return d
}

// ext4 marks what begins at the sector as a file system.
func ext4(d []byte, sector int) []byte {
	binary.LittleEndian.PutUint16(d[sector*Sector+1024+56:], 0xEF53)
	return d
}

// guid makes the disk one with a GPT; its entries have the numbers of their places.
func guid(entries map[int][2]uint64) []byte {
	d := disk([3]uint32{gpt, 1, 8191})
	header := d[Sector:]
	copy(header, "EFI PART")
	binary.LittleEndian.PutUint64(header[72:], 2)
	binary.LittleEndian.PutUint32(header[80:], 128)
	binary.LittleEndian.PutUint32(header[84:], 128)
	for number, e := range entries {
		entry := d[2*Sector+128*(number-1):]
		entry[0] = 1
		binary.LittleEndian.PutUint64(entry[32:], e[0])
		binary.LittleEndian.PutUint64(entry[40:], e[1])
	}
	return d
}

func TestMBR(t *testing.T) {
	all, err := Read(bytes.NewReader(ext4(disk([3]uint32{0x83, 2048, 4096}, [3]uint32{extended, 6144, 100}, [3]uint32{0x82, 7000, 100}), 2048)))
	want := []Partition{{1, 2048 * Sector, 4096 * Sector, true}, {3, 7000 * Sector, 100 * Sector, false}}
	if err != nil || len(all) != 2 || all[0] != want[0] || all[1] != want[1] {
		t.Fatalf("%+v, %v; want %+v", all, err, want)
	}
}

// TestGPT: as a cloud's disks are, the root is the first entry and behind the others.
func TestGPT(t *testing.T) {
	d := guid(map[int][2]uint64{1: {4096, 8000}, 14: {2048, 2100}, 15: {2200, 3000}, 16: {3100, 4000}})
	all, err := Read(bytes.NewReader(ext4(ext4(d, 4096), 3100)))
	if err != nil || len(all) != 4 {
		t.Fatalf("%+v, %v", all, err)
	}
	root, err := Root(all)
	if want := (Partition{1, 4096 * Sector, 3905 * Sector, true}); err != nil || root != want {
		t.Errorf("the root is %+v, %v; want %+v", root, err, want)
	}
}

func TestNoPartitions(t *testing.T) {
	if _, err := Read(bytes.NewReader(make([]byte, 4096))); !errors.Is(err, ErrNone) {
		t.Errorf("zeros: %v", err)
	}
	if _, err := Read(bytes.NewReader(disk())); !errors.Is(err, ErrNone) {
		t.Errorf("an empty table: %v", err)
	}
	if _, err := Read(bytes.NewReader([]byte("short"))); err == nil {
		t.Error("a file of five bytes is a disk")
	}
	if _, err := Root([]Partition{{Number: 1, Size: 1 << 20}}); err == nil {
		t.Error("there is a root without a file system")
	}
}

func TestBadGPT(t *testing.T) {
	for what, spoil := range map[string]func(d []byte){
		"there is none":   func(d []byte) { clear(d[Sector : 2*Sector]) },
		"entries of":      func(d []byte) { binary.LittleEndian.PutUint32(d[Sector+84:], 1<<30) },
		"entries of 4":    func(d []byte) { binary.LittleEndian.PutUint32(d[Sector+84:], 4) },
		"GPT":             func(d []byte) { binary.LittleEndian.PutUint64(d[Sector+72:], 1<<30) },
		"from sector 900": func(d []byte) { binary.LittleEndian.PutUint64(d[2*Sector+32:], 900) },
	} {
		d := guid(map[int][2]uint64{1: {100, 200}})
		spoil(d)
		if _, err := Read(bytes.NewReader(d)); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v, want one of %q", err, what)
		}
	}
}
