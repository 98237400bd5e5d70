package hostfacts

import "bytes"

// smbiosSerial finds the serial number in SMBIOS structures: the system information
// structure (type 1) holds the number of a string in the list that follows it.
func smbiosSerial(table []byte) (string, error) {
	const system, end, serialAt = 1, 127, 7
	for len(table) >= 4 {
		kind, length := table[0], int(table[1])
		if length < 4 || length > len(table) || kind == end {
			break
		}
		fields, rest := table[:length], table[length:]
		stop := bytes.Index(rest, []byte{0, 0})
		if stop < 0 {
			break
		}
		if kind == system && length > serialAt {
			texts := bytes.Split(rest[:stop], []byte{0})
			if n := int(fields[serialAt]); n >= 1 && n <= len(texts) {
				return string(texts[n-1]), nil
			}
			return "", ErrUnknown
		}
		table = rest[stop+2:]
	}
	return "", ErrUnknown
}
