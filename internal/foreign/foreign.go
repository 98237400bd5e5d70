// Package foreign tells when a program is one for another kind of machine.
package foreign

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
)

// Check fails when the program at path is for another system or processor than this machine's, and
// does not start here. Emulation and the like let some start. What is no program as systems load it,
// such as a script, is fine.
func Check(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // a program need not be readable
	}
	header, err := io.ReadAll(io.LimitReader(file, 4096))
	_ = file.Close()
	here := runtime.GOOS + "/" + runtime.GOARCH
	made := Platform(header)
	if err != nil || made == "" || made == here {
		return nil //nolint:nilerr // the same
	}
	c := exec.Command(path, "--version")
	if err := c.Start(); err != nil {
		return fmt.Errorf("it is a program for %s, and this machine is %s: %w", made, here, err)
	}
	_ = c.Process.Kill() // it starts: that is all there was to know
	_ = c.Wait()
	return nil
}

// Platform is what a program is for, by the first bytes of its file, as Go writes it: linux/arm64.
// It is "" when they do not say.
func Platform(header []byte) string {
	at := func(offset, size int) []byte {
		if offset < 0 || offset+size > len(header) {
			return make([]byte, size)
		}
		return header[offset : offset+size]
	}
	var system string
	var machine uint32
	switch {
	case bytes.HasPrefix(header, []byte("\x7fELF")):
		system, machine = "linux", uint32(binary.LittleEndian.Uint16(at(18, 2)))
		if at(7, 1)[0] == 9 {
			system = "freebsd"
		}
	case bytes.HasPrefix(header, []byte("\xcf\xfa\xed\xfe")): // Mach-O of 64 bits
		system, machine = "darwin", binary.LittleEndian.Uint32(at(4, 4))
	case bytes.HasPrefix(header, []byte("MZ")):
		offset := int(binary.LittleEndian.Uint32(at(0x3c, 4)))
		if !bytes.Equal(at(offset, 4), []byte("PE\x00\x00")) {
			return ""
		}
		system, machine = "windows", uint32(binary.LittleEndian.Uint16(at(offset+4, 2)))
	}
	arch := map[string]map[uint32]string{
		"linux":   {62: "amd64", 183: "arm64", 243: "riscv64"},
		"freebsd": {62: "amd64", 183: "arm64"},
		"darwin":  {0x01000007: "amd64", 0x0100000c: "arm64"},
		"windows": {0x8664: "amd64", 0xaa64: "arm64"},
	}[system][machine]
	if arch == "" {
		return ""
	}
	return system + "/" + arch
}
