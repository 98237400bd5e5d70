package tasklog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/flate"
)

const (
	// headerSize is the length of the gzip header that a spool begins with.
	headerSize = 10
	// spoolPattern is how a spool is named in its folder.
	spoolPattern = "task-*.log.gz"
)

// Recover completes the spool that a worker which was killed has left in dir: what was on disk of
// the log, and the lines of last as Error writes them. It takes a second for each few hundred
// megabytes of log; when ctx ends first it fails. fs.ErrNotExist says that there is no spool.
func Recover(ctx context.Context, dir, last string) (Stored, error) {
	paths, err := filepath.Glob(filepath.Join(dir, spoolPattern))
	if err == nil && len(paths) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Stored{}, fmt.Errorf("tasklog: find the spool: %w", err)
	}
	stored, err := recoverSpool(paths[0], last, func() error { return context.Cause(ctx) })
	if err != nil {
		return Stored{}, fmt.Errorf("tasklog: recover the spool: %w", err)
	}
	return stored, nil
}

// recoverSpool fails when tooLong does, which is asked again and again.
func recoverSpool(path, last string, tooLong func() error) (stored Stored, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Stored{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return Stored{}, err
	}
	for end := size; ; {
		if end, err = lastMarker(file, end); err != nil {
			return Stored{}, err
		}
		t, err := read(tooLong, io.NewSectionReader(file, headerSize, max(0, end-headerSize)))
		if errors.Is(err, errNoBlocks) && end > headerSize {
			end-- // what looks like a marker was none
			continue
		}
		if err != nil {
			return Stored{}, err
		}
		return t.complete(file, end, last)
	}
}

// marker is how every block of a spool ends; see package gzstream.
const marker = "\x00\x00\xff\xff"

// lastMarker is where the last block ends that is whole, of those that end before a place in the
// spool; without any it is where the first one begins.
func lastMarker(file io.ReaderAt, before int64) (int64, error) {
	const step = 64 << 10
	for end := before; end > headerSize; {
		from := max(headerSize, end-step)
		chunk := make([]byte, end-from)
		if _, err := file.ReadAt(chunk, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndex(chunk, []byte(marker)); i >= 0 {
			return from + int64(i+len(marker)), nil
		}
		if from == headerSize {
			break
		}
		end = from + int64(len(marker)) - 1 // it may lie across the border
	}
	return headerSize, nil
}

// text is what is known of the log on disk.
type text struct {
	crc    uint32
	size   int64
	ending byte // the last byte; a newline when there is none
}

// lastBlock is an empty one that says so.
const lastBlock = "\x03\x00"

var errNoBlocks = errors.New("not a number of whole blocks")

// read decompresses whole blocks.
func read(tooLong func() error, blocks io.Reader) (text, error) {
	t := text{ending: '\n'}
	source := bufio.NewReader(io.MultiReader(blocks, strings.NewReader(lastBlock)))
	z := flate.NewReader(source)
	defer z.Close()
	buf := make([]byte, 256<<10)
	for {
		n, err := z.Read(buf)
		if n > 0 {
			t.crc, t.size, t.ending = crc32.Update(t.crc, crc32.IEEETable, buf[:n]), t.size+int64(n), buf[n-1]
		}
		late := tooLong()
		switch {
		case errors.Is(err, io.EOF) && atEnd(source):
			return t, nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(flate.CorruptInputError)):
			return t, errNoBlocks
		case err != nil:
			return t, err
		case late != nil:
			return t, late
		}
	}
}

func atEnd(r *bufio.Reader) bool {
	_, err := r.Peek(1)
	return errors.Is(err, io.EOF)
}

// complete writes the end of the log behind the blocks.
func (t text) complete(file *os.File, end int64, last string) (Stored, error) {
	lines := errorPrefix + strings.ReplaceAll(last, "\n", "\n"+errorPrefix) + "\n"
	if t.ending != '\n' {
		lines = "\n" + lines
	}
	t.crc, t.size = crc32.Update(t.crc, crc32.IEEETable, []byte(lines)), t.size+int64(len(lines))
	out := bytes.NewBuffer(nil)
	if end == headerSize { // the header may not have come to the disk
		out.WriteString("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
		end = 0
	}
	z, err := flate.NewWriter(out, flate.BestSpeed)
	if err != nil {
		return Stored{}, err
	}
	_, _ = io.WriteString(z, lines) // to memory: cannot fail
	_ = z.Close()
	trailer := binary.LittleEndian.AppendUint32(out.Bytes(), t.crc)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(t.size)) //nolint:gosec // modulo 2^32 by the format
	if err := file.Truncate(end); err != nil {
		return Stored{}, err
	}
	if _, err := file.WriteAt(trailer, end); err != nil {
		return Stored{}, err
	}
	return Stored{Path: file.Name(), Size: t.size, CompressedSize: end + int64(len(trailer))}, nil
}
