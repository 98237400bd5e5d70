package archive_test

import (
	"bytes"
	"math/bits"
	"slices"
)

// bzip2Of makes a bzip2 file, which the standard library can only read: small blocks, and codes
// that do without the frequencies of symbols.
func bzip2Of(data []byte) []byte {
	w := &bitWriter{}
	w.write('B', 8)
	w.write('Z', 8)
	w.write('h', 8)
	w.write('1', 8)
	all := uint32(0)
	for chunk := range slices.Chunk(data, 1000) {
		sum := bzip2Sum(chunk)
		all = bits.RotateLeft32(all, 1) ^ sum
		w.write(0x314159265359, 48)
		w.write(uint64(sum), 32)
		w.block(runs(chunk))
	}
	w.write(0x177245385090, 48)
	w.write(uint64(all), 32)
	w.write(0, (8-w.count%8)%8)
	return w.out
}

type bitWriter struct {
	out   []byte
	count int
}

func (w *bitWriter) write(value uint64, n int) {
	for n--; n >= 0; n-- {
		if w.count%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[len(w.out)-1] |= byte(value>>n&1) << (7 - w.count%8)
		w.count++
	}
}

func bzip2Sum(data []byte) uint32 {
	sum := ^uint32(0)
	for _, b := range data {
		sum ^= uint32(b) << 24
		for range 8 {
			sum = sum<<1 ^ 0x04c11db7*(sum>>31)
		}
	}
	return ^sum
}

// runs writes four equal bytes as these and how many more there are.
func runs(data []byte) (out []byte) {
	for len(data) > 0 {
		n := 1
		for n < len(data) && n < 255 && data[n] == data[0] {
			n++
		}
		out = append(out, bytes.Repeat(data[:1], min(n, 4))...)
		if n >= 4 {
			out = append(out, byte(n-4))
		}
		data = data[n:]
	}
	return out
}

func (w *bitWriter) block(data []byte) {
	twice := append(slices.Clone(data), data...)
	turns := make([]int, len(data))
	for i := range turns {
		turns[i] = i
	}
	slices.SortFunc(turns, func(a, b int) int { return bytes.Compare(twice[a:a+len(data)], twice[b:b+len(data)]) })
	w.write(0, 1) // not made random
	w.write(uint64(slices.Index(turns, 0)), 24)
	used := slices.Compact(slices.Sorted(slices.Values(data)))
	for high := range 17 { // first which sixteens there are, then which are in them
		for low := range 16 {
			switch i := slices.IndexFunc(used, func(b byte) bool { return high == 0 && int(b)/16 == low || high > 0 && int(b) == (high-1)*16+low }); {
			case i >= 0:
				w.write(1, 1)
			case high == 0 || slices.ContainsFunc(used, func(b byte) bool { return int(b)/16 == high-1 }):
				w.write(0, 1)
			}
		}
	}
	var symbols []int
	zeros := 0
	flush := func() {
		for ; zeros > 0; zeros = (zeros - 1) / 2 {
			symbols = append(symbols, (zeros-1)%2)
		}
	}
	end := len(used) + 1
	for _, turn := range turns {
		at := slices.Index(used, twice[turn+len(data)-1])
		if at == 0 {
			zeros++
			continue
		}
		flush()
		symbols = append(symbols, at+1)
		b := used[at]
		used = slices.Insert(slices.Delete(used, at, at+1), 0, b)
	}
	flush()
	w.symbols(append(symbols, end), end+1)
}

// symbols writes them by two equal tables, of which only the first one is used. The first codes
// are one bit shorter than the others, so many that no code is left over.
func (w *bitWriter) symbols(symbols []int, alphabet int) {
	length := bits.Len(uint(alphabet - 1)) //nolint:gosec // positive
	short := 1<<length - alphabet
	selectors := (len(symbols) + 49) / 50
	w.write(2, 3)
	w.write(uint64(selectors), 15) //nolint:gosec // positive
	w.write(0, selectors)
	for range 2 {
		w.write(uint64(length-min(short, 1)), 5) //nolint:gosec // positive
		for s := range alphabet {
			if s == short && s > 0 {
				w.write(0b10, 2)
			}
			w.write(0, 1)
		}
	}
	for _, s := range symbols {
		if s < short {
			w.write(uint64(s), length-1) //nolint:gosec // positive
		} else {
			w.write(uint64(s+short), length) //nolint:gosec // positive
		}
	}
}
