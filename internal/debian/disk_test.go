package debian

import (
	"encoding/binary"
	"testing"
)

func TestBootSector(t *testing.T) {
	code := make([]byte, 512)
	for i := range code {
		code[i] = 0xEE
	}
	const sectors = 6<<30/sector - partStart
	got := bootSector(code, sectors)
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

func TestRecipe(t *testing.T) {
	was := Base{Name: "a", Packages: "b", GiB: 1}
	for _, changed := range []Base{
		{Name: "a", Packages: "c", GiB: 1}, {Name: "a", Packages: "b", GiB: 2},
		{Name: "a", Packages: "b", GiB: 1, Customise: "true"}, {Name: "a", Packages: "b", GiB: 1, Files: map[string]string{"f": ""}},
	} {
		if changed.recipe() == was.recipe() {
			t.Errorf("%+v would not be made anew", changed)
		}
	}
	if (Base{Name: "a", Packages: "b", GiB: 1}).recipe() != was.recipe() {
		t.Error("the same base would be made anew")
	}
}
