package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// lzipReader reads the members of an lzip file one after the other.
type lzipReader struct {
	in     *bufio.Reader
	counts *counted
	lzma   io.Reader // nil between members
	crc    uint32
	size   uint64
	later  bool // the first member has been read
}

// counted counts what is read through it. The decoder reads byte by byte and takes none too many.
type counted struct {
	*bufio.Reader
	n uint64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += uint64(n) //nolint:gosec // not negative
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.Reader.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

func (z *lzipReader) Read(p []byte) (int, error) {
	for {
		if z.lzma == nil {
			if err := z.header(); err != nil {
				return 0, err
			}
		}
		n, err := z.lzma.Read(p)
		z.crc = crc32.Update(z.crc, crc32.IEEETable, p[:n])
		z.size += uint64(n) //nolint:gosec // not negative
		if errors.Is(err, io.EOF) {
			z.lzma = nil
			err = z.trailer()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// header begins a member: "LZIP", version 1, and the size of the dictionary: a power of two, less
// some sixteenths of it. io.EOF means that there is none.
func (z *lzipReader) header() error {
	if _, err := z.in.Peek(1); err != nil && z.later {
		return err
	}
	var h [6]byte
	if _, err := io.ReadFull(z.in, h[:]); err != nil {
		return whole(err)
	}
	if string(h[:4]) != "LZIP" || h[4] != 1 {
		return errors.New("no lzip member where one should begin")
	}
	power := h[5] & 0x1f
	if power < 12 || power > 29 {
		return errors.New("the dictionary's size is none")
	}
	dictionary := uint32(1) << power
	dictionary -= dictionary / 16 * uint32(h[5]>>5)
	if dictionary > maxDictionary {
		return fmt.Errorf("%w: it needs a dictionary of %d MiB", ErrLimit, dictionary>>20)
	}
	// The older format lzma has the same data after another header: the properties, the size of
	// the dictionary, and that of the data, which is not known.
	classic := []byte{lzma.Properties{LC: 3, LP: 0, PB: 2}.Code(), 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	binary.LittleEndian.PutUint32(classic[1:], max(dictionary, lzma.MinDictCap))
	z.counts = &counted{Reader: z.in}
	data, err := lzma.NewReader(&after{classic, z.counts})
	z.lzma, z.crc, z.size, z.later = data, 0, 0, true
	return whole(err)
}

// trailer checks the end of a member: checksum, size of the data, size of the member.
func (z *lzipReader) trailer() error {
	var t [20]byte
	if _, err := io.ReadFull(z.in, t[:]); err != nil {
		return whole(err)
	}
	if binary.LittleEndian.Uint32(t[:]) != z.crc || binary.LittleEndian.Uint64(t[4:]) != z.size {
		return errors.New("the checksum is wrong")
	}
	if binary.LittleEndian.Uint64(t[12:]) != 6+z.counts.n+uint64(len(t)) {
		return errors.New("the member's size is wrong")
	}
	return nil
}

// after reads a header and then the rest, byte by byte where that is asked for.
type after struct {
	header []byte
	*counted
}

func (a *after) Read(p []byte) (int, error) {
	if len(a.header) == 0 {
		return a.counted.Read(p)
	}
	n := copy(p, a.header)
	a.header = a.header[n:]
	return n, nil
}
