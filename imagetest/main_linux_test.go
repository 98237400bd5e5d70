package main

import (
	"encoding/binary"
	"testing"
)

func TestChosen(t *testing.T) {
	for given, want := range map[string]int{"none": 0, "test": 1, "test,planted": 2} {
		if got, err := (options{only: given}).chosen(); err != nil || len(got) != want {
			t.Errorf("--only %s: %d parts, %v; want %d", given, len(got), err, want)
		}
	}
	if _, err := (options{only: "tset"}).chosen(); err == nil {
		t.Error("a part that is not there is no error")
	}
}

func TestBootSector(t *testing.T) {
	code := make([]byte, 512)
	for i := range code {
		code[i] = 0xEE
	}
	got := bootSector(code)
	if len(got) != sector || got[439] != 0xEE || got[440] == 0xEE || got[510] != 0x55 || got[511] != 0xAA {
		t.Errorf("the sector is % x", got)
	}
	if start := binary.LittleEndian.Uint32(got[446+8:]); start != partStart {
		t.Errorf("the partition begins at %d", start)
	}
	if end := int64(partStart) + int64(binary.LittleEndian.Uint32(got[446+12:])); end*sector != 6<<30 {
		t.Errorf("the partition ends at %d", end)
	}
}
