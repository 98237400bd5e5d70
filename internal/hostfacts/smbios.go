package hostfacts

import (
	"bytes"
	"strings"
)

// The SMBIOS structures that are read, and where in each the number of a text stands.
const (
	bios, biosVendor, biosVersion                    = 0, 4, 5
	system, systemMaker, systemProduct, systemSerial = 1, 4, 5, 7
	chassis, chassisTag                              = 3, 8
	endOfTable                                       = 127
)

// smbiosText finds a text in SMBIOS structures: the first structure of the kind holds, at its
// byte at, the number of a text in the list that follows it.
func smbiosText(table []byte, kind, at byte) (string, error) {
	for len(table) >= 4 {
		length := int(table[1])
		if length < 4 || length > len(table) || table[0] == endOfTable {
			break
		}
		fields, rest := table[:length], table[length:]
		stop := bytes.Index(rest, []byte{0, 0})
		if stop < 0 {
			break
		}
		if fields[0] == kind && length > int(at) {
			texts := bytes.Split(rest[:stop], []byte{0})
			if n := int(fields[at]); n >= 1 && n <= len(texts) {
				return strings.TrimSpace(string(texts[n-1])), nil
			}
			return "", ErrUnknown
		}
		table = rest[stop+2:]
	}
	return "", ErrUnknown
}
