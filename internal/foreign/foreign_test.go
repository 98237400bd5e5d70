package foreign_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/foreign"
)

func elf(system byte, machine uint16) []byte {
	header := append([]byte("\x7fELF\x02\x01\x01"), system)
	header = append(header, make([]byte, 56)...)
	binary.LittleEndian.PutUint16(header[18:], machine)
	return header
}

func pe(machine uint16) []byte {
	header := append([]byte("MZ"), make([]byte, 0x100)...)
	header[0x3c] = 0x80
	copy(header[0x80:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(header[0x84:], machine)
	return header
}

func macho(cpu uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte("\xcf\xfa\xed\xfe"), cpu)
}

func TestPlatform(t *testing.T) {
	for want, header := range map[string][]byte{
		"linux/amd64": elf(0, 62), "linux/arm64": elf(0, 183), "linux/riscv64": elf(0, 243), "freebsd/amd64": elf(9, 62), "freebsd/arm64": elf(9, 183),
		"darwin/amd64": macho(0x01000007), "darwin/arm64": macho(0x0100000c), "windows/amd64": pe(0x8664), "windows/arm64": pe(0xaa64),
	} {
		if got := foreign.Platform(header); got != want {
			t.Errorf("%q is not %s", got, want)
		}
		for i := range header { // what is cut off says nothing wrong, and breaks nothing
			if got := foreign.Platform(header[:i]); got != "" && got != want && got != "linux/"+strings.Split(want, "/")[1] {
				t.Errorf("%d bytes of %s are %q", i, want, got)
			}
		}
	}
	for _, header := range []string{"", "#!/bin/sh\n", "MZ", "\x7fELF", string(elf(0, 3)), "MZ" + strings.Repeat("\xff", 100)} {
		if got := foreign.Platform([]byte(header)); got != "" {
			t.Errorf("%q is %s", header, got)
		}
	}
}

// program is this test's own program with some bytes of its header changed.
func program(t *testing.T, change func(header []byte)) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	change(data)
	path := filepath.Join(t.TempDir(), "program.exe")
	if err := os.WriteFile(path, data, 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	return path
}

func TestThisProgramIsForThisMachine(t *testing.T) {
	path := program(t, func(header []byte) {
		if got := foreign.Platform(header[:4096]); got != runtime.GOOS+"/"+runtime.GOARCH {
			t.Errorf("it is for %q", got)
		}
	})
	if err := foreign.Check(path); err != nil {
		t.Error(err)
	}
	if err := foreign.Check(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it changes the header of a program for Linux")
	}
	const riscv = 243 // of which no release is, nor any emulator that tests run in
	err := foreign.Check(program(t, func(header []byte) { binary.LittleEndian.PutUint16(header[18:], riscv) }))
	if err == nil || !strings.Contains(err.Error(), "and this machine is linux/"+runtime.GOARCH) {
		t.Errorf("of another architecture: %v", err)
	}
	// Linux does not look at the system that a program is said to be for.
	if err := foreign.Check(program(t, func(header []byte) { header[7] = 9 })); err != nil {
		t.Errorf("it starts: %v", err)
	}
}
