package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzReader reads the streams of an xz file one after the other. The library's own reader of this
// container is not used, as it takes what memory the file's headers ask for, and remembers every
// block.
type xzReader struct {
	in    *counted
	flags [2]byte
	check hash.Hash // of the present block's data; nil where the file has none
	block io.Reader // nil between blocks
	data  int64     // of the present block
	begin uint64    // where the present block begins
	index xzIndex   // of the blocks so far
	later bool      // the first stream has begun
	open  bool      // within a stream
}

// xzIndex is a digest of the sizes of blocks: those that were read have to be those of the index.
type xzIndex struct {
	blocks uint64
	sizes  hash.Hash
}

func (x *xzIndex) add(unpadded, data uint64) {
	x.blocks++
	_, _ = x.sizes.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, unpadded), data))
}

func newXZ(in *bufio.Reader) io.Reader { return &xzReader{in: &counted{Reader: in}} }

func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.block == nil {
			if err := x.next(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := x.block.Read(p)
		x.data += int64(n)
		if x.check != nil {
			_, _ = x.check.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			x.block = nil
			err = x.endBlock()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next begins the next block, of the next stream where one has ended. io.EOF is the end.
func (x *xzReader) next() error {
	if !x.open {
		return x.header()
	}
	x.begin = x.in.n
	size, err := x.in.ReadByte()
	if err != nil {
		return whole(err)
	}
	if size == 0 {
		x.open = false
		return x.footer()
	}
	return x.beginBlock(size)
}

// header begins a stream. Between streams there may be zeros, four at a time.
func (x *xzReader) header() error {
	var h [12]byte
	for {
		if _, err := x.in.Peek(1); err != nil && x.later {
			return err
		}
		if _, err := io.ReadFull(x.in, h[:4]); err != nil {
			return whole(err)
		}
		if !x.later || !bytes.Equal(h[:4], make([]byte, 4)) {
			break
		}
	}
	if _, err := io.ReadFull(x.in, h[4:]); err != nil {
		return whole(err)
	}
	if string(h[:6]) != "\xfd7zXZ\x00" || h[6] != 0 || crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return errors.New("no xz stream where one should begin")
	}
	x.flags = [2]byte(h[6:8])
	switch h[7] {
	case 0:
		x.check = nil
	case 1:
		x.check = crc32.NewIEEE()
	case 4:
		x.check = crc64.New(crc64.MakeTable(crc64.ECMA))
	case 10:
		x.check = sha256.New()
	default:
		return fmt.Errorf("the kind of checksum %d is not known", h[7])
	}
	x.index, x.later, x.open = xzIndex{sizes: sha256.New()}, true, true
	return nil
}

// beginBlock reads a block's header, of which the size has been read.
func (x *xzReader) beginBlock(size byte) error {
	h := make([]byte, (int(size)+1)*4)
	h[0] = size
	if _, err := io.ReadFull(x.in, h[1:]); err != nil {
		return whole(err)
	}
	end := len(h) - 4
	if crc32.ChecksumIEEE(h[:end]) != binary.LittleEndian.Uint32(h[end:]) {
		return errors.New("the checksum of a block's header is wrong")
	}
	dictionary, err := xzDictionary(h[1], bytes.NewReader(h[2:end]))
	if err != nil {
		return err
	}
	block, err := lzma.Reader2Config{DictCap: dictionary}.NewReader2(x.in)
	if err != nil {
		return whole(err)
	}
	if x.check != nil {
		x.check.Reset()
	}
	x.block, x.data = block, 0
	return nil
}

// xzDictionary is the size of the dictionary that the rest of a block's header names. The sizes
// that may be in it are those that the index has.
func xzDictionary(flags byte, rest *bytes.Reader) (int, error) {
	for _, bit := range []byte{0x40, 0x80} {
		if flags&bit != 0 {
			if _, err := binary.ReadUvarint(rest); err != nil {
				return 0, whole(err)
			}
		}
	}
	var filter [3]byte // its name, the size of its properties, and these
	if _, err := io.ReadFull(rest, filter[:]); err != nil {
		return 0, whole(err)
	}
	if flags&0x3f != 0 || filter[0] != 0x21 || filter[1] != 1 {
		return 0, errors.New("it was made with a filter other than LZMA2, which is not supported")
	}
	return lzma2Dictionary(filter[2])
}

// lzma2Dictionary is the size of the dictionary that is written as one byte.
func lzma2Dictionary(code byte) (int, error) {
	if code > 40 {
		return 0, errors.New("the dictionary's size is none")
	}
	size := (2 | uint64(code)&1) << (code/2 + 11)
	if size > maxDictionary {
		return 0, fmt.Errorf("%w: it needs a dictionary of %d MiB", ErrLimit, size>>20)
	}
	return int(size), nil //nolint:gosec // it is small
}

// endBlock checks what follows a block's data: zeros to a multiple of four, and the checksum.
func (x *xzReader) endBlock() error {
	unpadded := x.in.n - x.begin
	if err := zeros(x.in, unpadded); err != nil {
		return err
	}
	if x.check != nil {
		sum := make([]byte, x.check.Size())
		if _, err := io.ReadFull(x.in, sum); err != nil {
			return whole(err)
		}
		want := x.check.Sum(nil)
		if x.flags[1] != 10 { // the CRCs are the other way round in the file
			for i, j := 0, len(want)-1; i < j; i, j = i+1, j-1 {
				want[i], want[j] = want[j], want[i]
			}
		}
		if !bytes.Equal(sum, want) {
			return errors.New("the checksum is wrong")
		}
		unpadded += uint64(len(sum))
	}
	x.index.add(unpadded, uint64(x.data)) //nolint:gosec // not negative
	return nil
}

// zeros reads the zeros that make n a multiple of four.
func zeros(r io.ByteReader, n uint64) error {
	for ; n%4 != 0; n++ {
		b, err := r.ReadByte()
		if err != nil {
			return whole(err)
		}
		if b != 0 {
			return errors.New("there is something where only zeros should be")
		}
	}
	return nil
}

// footer reads the index, whose first byte has been read, and what follows it.
func (x *xzReader) footer() error {
	sum := &summed{counted: x.in, crc: crc32.NewIEEE()}
	_, _ = sum.crc.Write([]byte{0})
	blocks, err := binary.ReadUvarint(sum)
	if err != nil {
		return whole(err)
	}
	if blocks != x.index.blocks {
		return errors.New("the index has another number of blocks")
	}
	listed := xzIndex{sizes: sha256.New()}
	for range blocks {
		unpadded, err := binary.ReadUvarint(sum)
		if err != nil {
			return whole(err)
		}
		data, err := binary.ReadUvarint(sum)
		if err != nil {
			return whole(err)
		}
		listed.add(unpadded, data)
	}
	if !bytes.Equal(listed.sizes.Sum(nil), x.index.sizes.Sum(nil)) {
		return errors.New("the index has other blocks")
	}
	if err := zeros(sum, x.in.n-x.begin); err != nil {
		return err
	}
	var f [16]byte // the index's checksum, then the footer: checksum, size of the index, flags, magic
	if _, err := io.ReadFull(x.in, f[:]); err != nil {
		return whole(err)
	}
	size := (x.in.n - x.begin - 12) / 4
	if binary.LittleEndian.Uint32(f[:]) != sum.crc.Sum32() || binary.LittleEndian.Uint32(f[4:]) != crc32.ChecksumIEEE(f[8:14]) ||
		uint64(binary.LittleEndian.Uint32(f[8:]))+1 != size || [2]byte(f[12:14]) != x.flags || string(f[14:]) != "YZ" {
		return errors.New("the end of a stream is wrong")
	}
	return nil
}

// summed reads bytes and makes their checksum.
type summed struct {
	*counted
	crc hash.Hash32
}

func (s *summed) ReadByte() (byte, error) {
	b, err := s.counted.ReadByte()
	if err == nil {
		_, _ = s.crc.Write([]byte{b})
	}
	return b, err
}
