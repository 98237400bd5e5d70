package tasklog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sort"

	"github.com/klauspost/compress/flate"

	"github.com/workerkit/workerkit/internal/gzstream"
)

const (
	// pieceSize is how much text is compressed at once for a reader.
	pieceSize = 32 << 10
	// dictSize is how much of the text before it a piece's compression looks at.
	dictSize = 8 << 10
)

// NewGzipReader is NewReader as one gzip stream of the text from one offset to another, or to the end of
// the log where that comes first. What is read can be decompressed so far at any time. Blocks that are whole in the spool are taken as they are there; only what comes before and
// after them is compressed for the reader, which needs no memory between two calls.
func (l *Log) NewGzipReader(ctx context.Context, from, to int64) io.ReadCloser {
	z := &zipped{reader: reader{log: l, ctx: ctx, offset: max(0, from), done: make(chan struct{})}, to: to}
	z.out.Write(gzstream.Header())
	return z
}

// zipped is one reader's place in the log, and what it has been given. Its place is where the text
// ends that has gone into out or is in block.
type zipped struct {
	reader
	to    int64             // where the text ends, at most
	out   bytes.Buffer      // compressed, not taken yet
	block *io.SectionReader // the rest of a block in the spool; nil: none
	dict  []byte            // the end of the text before, unless that was a block
	crc   uint32            // of the text
	size  int64             // of the text
	ended bool
}

// Read implements io.Reader; it returns as soon as there is anything.
func (z *zipped) Read(p []byte) (int, error) {
	for {
		if err := z.reader.ended(); err != nil {
			return 0, err
		}
		switch {
		case z.out.Len() > 0:
			return z.out.Read(p)
		case z.ended:
			return 0, io.EOF
		case z.block != nil:
			n, err := z.block.Read(p)
			if n > 0 {
				return n, nil
			}
			if z.block = nil; !errors.Is(err, io.EOF) {
				return 0, z.broken(err)
			}
		case z.take():
		default:
			if err := z.piece(); err != nil {
				return 0, err
			}
		}
	}
}

// take takes the block that begins at the reader's place, if all of it is in the spool.
func (z *zipped) take() bool {
	l := z.log
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := sort.Search(len(l.index), func(i int) bool { return l.index[i].start >= z.offset })
	if i+1 >= len(l.index) || l.index[i].start != z.offset {
		return false
	}
	from, to := l.index[i], l.index[i+1]
	if to.start > z.to {
		return false
	}
	length := to.start - from.start
	z.block = io.NewSectionReader(l.file, from.offset, to.offset-from.offset)
	z.crc = combine(z.crc, from.crc, length)
	z.size, z.offset, z.dict = z.size+length, to.start, nil
	return true
}

// piece compresses what there is of the log, up to where the next block begins, or ends the stream.
func (z *zipped) piece() error {
	buf := make([]byte, max(0, min(pieceSize, blockSize-z.offset%blockSize, z.to-z.offset)))
	n, err := z.reader.Read(buf)
	if len(buf) == 0 || errors.Is(err, io.EOF) {
		z.ended = true
		z.out.WriteString(lastBlock)
		trailer := binary.LittleEndian.AppendUint32(nil, z.crc)
		z.out.Write(binary.LittleEndian.AppendUint32(trailer, uint32(z.size))) //nolint:gosec // modulo 2^32 by the format
		return nil
	}
	if err != nil {
		return err
	}
	z.crc = crc32.Update(z.crc, crc32.IEEETable, buf[:n])
	z.size += int64(n)
	err = flate.StatelessDeflate(&z.out, buf[:n], false, z.dict)
	z.dict = append(z.dict, buf[:n]...)
	z.dict = append([]byte(nil), z.dict[max(0, len(z.dict)-dictSize):]...)
	return err
}

// combine is the checksum of two texts, one after the other, of which the second one has so many
// bytes: the first one's is moved by as many, which is a multiplication by a power of x in the field
// that the checksum is an element of, with its bits in reverse.
func combine(first, second uint32, length int64) uint32 {
	power := uint32(1) << (31 - 8) // x^8: one byte
	for ; length > 0; length >>= 1 {
		if length&1 == 1 {
			first = multiply(first, power)
		}
		power = multiply(power, power)
	}
	return first ^ second
}

func multiply(a, b uint32) uint32 {
	product := uint32(0)
	for bit := uint32(1) << 31; bit > 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry == 1 {
			b ^= crc32.IEEE
		}
	}
	return product
}
