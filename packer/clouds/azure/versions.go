package azure

import (
	"cmp"
	"strconv"
	"strings"
)

// compare compares versions by their numbers: 1.10.0 comes after 1.9.0.
func compare(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		if c := cmp.Compare(number(x, i), number(y, i)); c != 0 {
			return c
		}
	}
	return strings.Compare(a, b) // 1.0 and 1.0.0 are two
}

// number is a part of a version, -1 when it has no such part or that is no number.
func number(parts []string, i int) int64 {
	if i >= len(parts) {
		return -1
	}
	n, err := strconv.ParseInt(parts[i], 10, 64)
	if err != nil {
		return -1
	}
	return n
}
