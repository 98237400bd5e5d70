package disk

import "encoding/binary"

// shortest is the length below which nothing is looked for: chance would find it.
const shortest = 4

// needles finds many byte strings in one pass. It looks at pairs of bytes and skips those that
// none of the strings has where it looks (as Wu and Manber do), so that most bytes are never
// looked at.
type needles struct {
	all  [][]byte
	skip [1 << 16]uint8   // how far the next place to look is, by the pair
	ends map[uint16][]int // which needles have a pair at the end of their first bytes
}

// newNeedles prepares for strings of shortest bytes at least.
func newNeedles(all [][]byte) *needles {
	n := &needles{all: all, ends: map[uint16][]int{}}
	for i := range n.skip {
		n.skip[i] = shortest - 1
	}
	for i, needle := range all {
		for at := range shortest - 1 {
			pair := binary.LittleEndian.Uint16(needle[at:])
			n.skip[pair] = min(n.skip[pair], uint8(shortest-2-at)) //nolint:gosec // 0 to 2
		}
		last := binary.LittleEndian.Uint16(needle[shortest-2:])
		n.ends[last] = append(n.ends[last], i)
	}
	return n
}

// find calls found for each place in data at which a needle begins.
func (n *needles) find(data []byte, found func(needle, at int)) {
	for i := shortest - 2; i+1 < len(data); {
		pair := uint16(data[i]) | uint16(data[i+1])<<8
		if skip := n.skip[pair]; skip > 0 {
			i += int(skip)
			continue
		}
		at := i - (shortest - 2)
		for _, needle := range n.ends[pair] {
			text := n.all[needle]
			if len(text) <= len(data)-at && string(text) == string(data[at:at+len(text)]) {
				found(needle, at)
			}
		}
		i++
	}
}
