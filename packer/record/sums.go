package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// sums is the file of checksums, as sha256sum writes and checks it.
func sums(files map[string][]byte) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.WriteString(digest(files[name]) + "  " + name + "\n")
	}
	return []byte(b.String())
}

// parseSums reads a file of checksums: name → digest.
func parseSums(text []byte) (map[string]string, error) {
	all := map[string]string{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || len(sum) != 2*sha256.Size || name == "" || strings.ContainsAny(name, `/\`) || name[0] == '.' || all[name] != "" {
			return nil, fmt.Errorf("%s: line %d is no checksum of a file of the record", SumsFile, number)
		}
		all[name] = sum
	}
	return all, nil
}
