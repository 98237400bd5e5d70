package archive

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/flate"
)

// maxDirectory is how much of an archive may be its directory, which is in memory as a whole.
const maxDirectory = 128 << 20

// errEncrypted means that there is no password to read an archive with.
var errEncrypted = errors.New("it is encrypted")

// errFile means that a format that needs a file was given something else.
var errFile = errors.New("it is not a file")

// directory limits how much is read of a file, until it is opened.
type directory struct {
	io.ReaderAt
	left int64
	open bool
}

func (d *directory) ReadAt(p []byte, at int64) (int, error) {
	if !d.open {
		if d.left -= int64(len(p)); d.left < 0 {
			return 0, fmt.Errorf("%w: its directory has more than %d MiB", ErrLimit, maxDirectory>>20)
		}
	}
	return d.ReaderAt.ReadAt(p, at)
}

// sized is the file that r has to be, and its size.
func sized(r io.Reader) (*directory, int64, error) {
	file, isFile := r.(*os.File)
	if !isFile {
		return nil, 0, errFile
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	return &directory{ReaderAt: file, left: maxDirectory}, info.Size(), nil
}

func unzip(t *tree, r io.Reader) error {
	file, size, err := sized(r)
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return begins(err)
	}
	file.open = true
	archive.RegisterDecompressor(zip.Deflate, flate.NewReader)
	for method, format := range map[uint16]string{12: "bz2", 93: "zst", 95: "xz"} {
		archive.RegisterDecompressor(method, func(r io.Reader) io.ReadCloser { return newZipData(r, format) })
	}
	for _, entry := range archive.File {
		if err := t.zipEntry(entry); err != nil {
			return fmt.Errorf("%q: %w", entry.Name, err)
		}
	}
	return nil
}

func (t *tree) zipEntry(entry *zip.File) error {
	mode := entry.Mode()
	if mode.IsDir() {
		return t.folder(entry.Name, mode)
	}
	if !mode.IsRegular() && mode.Type() != fs.ModeSymlink {
		return fmt.Errorf("%w: it is a device or a pipe", ErrEntry)
	}
	if entry.Flags&1 != 0 {
		return errEncrypted
	}
	data, err := entry.Open()
	if err != nil {
		return err
	}
	defer data.Close()
	if mode.IsRegular() {
		return t.file(entry.Name, mode, entry.Modified, data)
	}
	return t.symlinkFrom(entry.Name, data)
}

// zipData is the data of an entry that was packed by a method which the standard library has not.
type zipData struct {
	io.Reader
	done func()
	err  error
}

func newZipData(r io.Reader, format string) *zipData {
	data, done, err := decompressor(bufio.NewReader(r), format)
	return &zipData{data, done, err}
}

func (d *zipData) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	return d.Reader.Read(p)
}

func (d *zipData) Close() error {
	if d.err == nil {
		d.done()
	}
	return nil
}
