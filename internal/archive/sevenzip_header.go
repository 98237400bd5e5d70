package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

const (
	max7zHeader  = 64 << 20       // bytes of a header
	max7zEntries = 1_000_000      // each takes some hundred bytes of memory
	max7zSteps   = 20_000_000_000 // files times blocks, which the library takes steps in
	max7zCoders  = 32             // of one block; the format has no more
)

// The marks that begin the parts of a 7z's header.
const (
	mark7zEnd      = 0x00
	mark7zHeader   = 0x01
	mark7zStreams  = 0x04
	mark7zFiles    = 0x05
	mark7zPacked   = 0x06
	mark7zUnpacked = 0x07
	mark7zParts    = 0x08
	mark7zSizes    = 0x09
	mark7zSums     = 0x0a
	mark7zBlocks   = 0x0b
	mark7zDataSize = 0x0c
	mark7zCounts   = 0x0d
	mark7zEncoded  = 0x17
)

var errHeader = errors.New("the header is damaged")

// check7z reads a 7z's header only to see how much memory it asks for. The library believes each
// number in it, before it has seen as many things.
func check7z(file io.ReaderAt, size, most int64) error {
	var start [32]byte
	if _, err := file.ReadAt(start[:], 0); err != nil {
		return whole(err)
	}
	at, length := binary.LittleEndian.Uint64(start[12:]), binary.LittleEndian.Uint64(start[20:])
	if string(start[:6]) != "7z\xbc\xaf\x27\x1c" {
		return errors.New("it is no 7z file")
	}
	if length == 0 || at > uint64(size) || length > uint64(size)-at || 32+at+length > uint64(size) { //nolint:gosec // not negative
		return io.ErrUnexpectedEOF
	}
	if length > max7zHeader {
		return fmt.Errorf("%w: its header has %d MiB", ErrLimit, length>>20)
	}
	header := make([]byte, length)
	if _, err := file.ReadAt(header, int64(32+at)); err != nil { //nolint:gosec // it is in the file
		return whole(err)
	}
	h := &header7z{rest: header, most: uint64(min(most, max7zEntries))} //nolint:gosec // not negative
	if h.byte() == mark7zEncoded {
		plain, err := h.decode(file)
		if err != nil {
			return err
		}
		h = &header7z{rest: plain, most: h.most}
		h.byte()
	}
	return h.check()
}

// header7z walks through a header. After the first error it reads zeros.
type header7z struct {
	rest   []byte
	most   uint64
	blocks uint64
	packed []uint64 // sizes of the streams in the file
	at     uint64   // where they begin
	coders int      // of all blocks
	coder  []byte   // the last coder's method
	props  []byte   // its properties
	err    error
}

func (h *header7z) fail(err error) {
	if h.err == nil {
		h.err, h.rest = err, nil
	}
}

func (h *header7z) bytes(n uint64) []byte {
	if n > uint64(len(h.rest)) {
		h.fail(errHeader)
		return nil
	}
	b := h.rest[:n]
	h.rest = h.rest[n:]
	return b
}

func (h *header7z) byte() byte {
	if b := h.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// number reads one: as many ones as the first byte begins with, so many bytes follow.
func (h *header7z) number() uint64 {
	first := h.byte()
	value, mask := uint64(0), byte(0x80)
	for i := range 8 {
		if first&mask == 0 {
			return value | uint64(first&(mask-1))<<(8*i)
		}
		value |= uint64(h.byte()) << (8 * i)
		mask >>= 1
	}
	return value
}

// count reads a number of things that there may be as many of.
func (h *header7z) count(most uint64) uint64 {
	n := h.number()
	if n > most {
		h.fail(fmt.Errorf("%w: its header has %d of what may be %d", ErrLimit, n, most))
		return 0
	}
	return n
}

// check walks through a header whose first mark has been read.
func (h *header7z) check() error {
	mark := h.byte()
	if mark == mark7zStreams {
		h.streams()
		mark = h.byte()
	}
	if mark == mark7zFiles {
		if files := h.count(h.most); files*max(h.blocks, 1) > max7zSteps {
			h.fail(fmt.Errorf("%w: it has %d files in %d blocks", ErrLimit, files, h.blocks))
		}
	}
	return h.err
}

// streams walks through what tells of the data.
func (h *header7z) streams() (sizes []uint64) {
	mark := h.byte()
	if mark == mark7zPacked {
		h.pack()
		mark = h.byte()
	}
	if mark == mark7zUnpacked {
		sizes = h.unpack()
		mark = h.byte()
	}
	if mark == mark7zParts {
		h.parts(uint64(len(sizes)))
		mark = h.byte()
	}
	if mark != mark7zEnd {
		h.fail(errHeader)
	}
	return sizes
}

// pack walks through the sizes of what is in the file.
func (h *header7z) pack() {
	h.at = h.number()
	count := h.count(h.most * 4) // a block has up to four
	mark := h.byte()
	if mark == mark7zSizes {
		for range count {
			h.packed = append(h.packed, h.number())
		}
		mark = h.byte()
	}
	if mark == mark7zSums {
		h.sums(count)
		mark = h.byte()
	}
	if mark != mark7zEnd || uint64(len(h.packed)) != count {
		h.fail(errHeader)
	}
}

// sums walks through checksums, some of which may be missing.
func (h *header7z) sums(count uint64) {
	defined := count
	if h.byte() == 0 {
		defined = 0
		for i, b := range h.bytes((count + 7) / 8) {
			for bit := range min(8, count-uint64(i)*8) { //nolint:gosec // not negative
				defined += uint64(b >> (7 - bit) & 1)
			}
		}
	}
	h.bytes(4 * defined)
}

// unpack walks through how the blocks are packed, and returns their sizes.
func (h *header7z) unpack() (sizes []uint64) {
	if h.byte() != mark7zBlocks {
		h.fail(errHeader)
	}
	h.blocks = h.count(h.most)
	if h.byte() != 0 { // the list is elsewhere, which the library does not have
		h.fail(errHeader)
	}
	var coders []uint64
	for range h.blocks {
		if coders = append(coders, h.block()); h.err != nil {
			return nil
		}
	}
	if h.byte() != mark7zDataSize {
		h.fail(errHeader)
	}
	for _, n := range coders {
		size := uint64(0)
		for range n {
			size = max(size, h.number())
		}
		sizes = append(sizes, size)
	}
	mark := h.byte()
	if mark == mark7zSums {
		h.sums(h.blocks)
		mark = h.byte()
	}
	if mark != mark7zEnd {
		h.fail(errHeader)
	}
	return sizes
}

// block walks through the coders of one, and returns how many streams they make.
func (h *header7z) block() uint64 {
	ins, outs := uint64(0), uint64(0)
	for range h.count(max7zCoders) {
		in, out := h.coderOf()
		ins, outs = ins+in, outs+out
	}
	if outs == 0 || ins < outs || ins > max7zCoders {
		h.fail(errHeader)
		return 0
	}
	for range 2 * (outs - 1) {
		h.number()
	}
	if packed := ins - (outs - 1); packed > 1 {
		for range packed {
			if h.number() >= ins {
				h.fail(errHeader)
			}
		}
	}
	return outs
}

// coderOf walks through one coder, and returns how many streams it takes and makes.
func (h *header7z) coderOf() (in, out uint64) {
	h.coders++
	kind := h.byte()
	h.coder, h.props = h.bytes(uint64(kind&0xf)), nil
	in, out = 1, 1
	if kind&0x10 != 0 {
		in, out = h.count(max7zCoders), h.count(max7zCoders)
	}
	if kind&0x20 != 0 {
		h.props = h.bytes(h.number())
	}
	dictionary := uint64(0)
	switch {
	case bytes.Equal(h.coder, []byte{6, 0xf1, 7, 1}):
		h.fail(errEncrypted)
	case bytes.Equal(h.coder, []byte{3, 1, 1}) && len(h.props) == 5, bytes.Equal(h.coder, []byte{3, 4, 1}) && len(h.props) == 5:
		dictionary = uint64(binary.LittleEndian.Uint32(h.props[1:])) // of LZMA; memory of PPMd
	case bytes.Equal(h.coder, []byte{0x21}) && len(h.props) == 1:
		if _, err := lzma2Dictionary(h.props[0]); err != nil {
			h.fail(err)
		}
	}
	if dictionary > maxDictionary {
		h.fail(fmt.Errorf("%w: it needs a dictionary of %d MiB", ErrLimit, dictionary>>20))
	}
	return in, out
}

// parts walks through the sizes and checksums of the files in the blocks.
func (h *header7z) parts(blocks uint64) {
	files, listed := blocks, uint64(0) // the last size of each block is not listed
	mark := h.byte()
	if mark == mark7zCounts {
		files = 0
		for range blocks {
			n := h.count(h.most)
			files, listed = files+n, listed+max(n, 1)-1
		}
		mark = h.byte()
	}
	if files > h.most {
		h.fail(fmt.Errorf("%w: it has %d files", ErrLimit, files))
		return
	}
	if mark == mark7zSizes {
		for range listed {
			h.number()
		}
		mark = h.byte()
	}
	if mark == mark7zSums {
		h.sums(files)
		mark = h.byte()
	}
	if mark != mark7zEnd {
		h.fail(errHeader)
	}
}

// decode unpacks a header that is packed itself.
func (h *header7z) decode(file io.ReaderAt) ([]byte, error) {
	sizes := h.streams()
	if h.err != nil {
		return nil, h.err
	}
	if len(sizes) != 1 || len(h.packed) != 1 || h.coders != 1 {
		return nil, errHeader
	}
	if sizes[0] > max7zHeader {
		return nil, fmt.Errorf("%w: its header has %d MiB", ErrLimit, sizes[0]>>20)
	}
	packed := io.NewSectionReader(file, int64(32+h.at), int64(h.packed[0])) //nolint:gosec // reading ends where the file does
	var data io.Reader
	var err error
	switch {
	case bytes.Equal(h.coder, []byte{0}):
		data = packed
	case bytes.Equal(h.coder, []byte{3, 1, 1}) && len(h.props) == 5:
		classic := binary.LittleEndian.AppendUint64(bytes.Clone(h.props), sizes[0])
		data, err = lzma.NewReader(io.MultiReader(bytes.NewReader(classic), packed))
	case bytes.Equal(h.coder, []byte{0x21}) && len(h.props) == 1:
		data, err = lzma.NewReader2(packed)
	default:
		err = errors.New("its header is packed in a way that is not known")
	}
	if err != nil {
		return nil, whole(err)
	}
	plain := make([]byte, sizes[0])
	_, err = io.ReadFull(data, plain)
	return plain, whole(err)
}
