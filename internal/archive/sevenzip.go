package archive

import (
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/bodgit/sevenzip"
)

func un7z(t *tree, r io.Reader) error {
	file, size, err := sized(r)
	if err != nil {
		return err
	}
	if err := check7z(file, size, t.most); err != nil {
		return err
	}
	archive, err := sevenzip.NewReader(file, size)
	if err != nil {
		return whole(err)
	}
	for _, entry := range archive.File {
		if err := t.sevenzipEntry(entry); err != nil {
			return fmt.Errorf("%q: %w", entry.Name, err)
		}
	}
	return nil
}

func (t *tree) sevenzipEntry(entry *sevenzip.File) error {
	mode := entry.FileInfo().Mode()
	if mode.IsDir() {
		return t.folder(entry.Name, mode)
	}
	if !mode.IsRegular() && mode.Type() != fs.ModeSymlink {
		return fmt.Errorf("%w: it is a device or a pipe", ErrEntry)
	}
	data, err := entry.Open()
	if err != nil {
		return whole(err)
	}
	exact := &exactly{Reader: data, left: entry.UncompressedSize, crc: crc32.NewIEEE(), want: entry.CRC32}
	if mode.IsRegular() {
		err = t.file(entry.Name, mode, entry.Modified, exact)
	} else {
		err = t.symlinkFrom(entry.Name, exact)
	}
	return errors.Join(err, data.Close())
}

// exactly checks the size and the checksum of data, which the library does not.
type exactly struct {
	io.Reader
	left uint64
	crc  hash.Hash32
	want uint32 // 0 is none
}

func (e *exactly) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	_, _ = e.crc.Write(p[:n])
	e.left -= uint64(n) //nolint:gosec // not negative, and the reader gives no more than there should be
	if errors.Is(err, io.EOF) && e.left != 0 {
		return n, io.ErrUnexpectedEOF
	}
	if errors.Is(err, io.EOF) && e.want != 0 && e.crc.Sum32() != e.want {
		return n, errors.New("the checksum is wrong")
	}
	return n, err
}
