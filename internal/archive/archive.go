// Package archive unpacks archives that somebody else made into a folder, and nothing outside it.
package archive

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// ErrFormat means that archives of this format cannot be unpacked.
var ErrFormat = errors.New("the format cannot be unpacked")

// ErrEntry means that the archive has an entry that may not be unpacked: one that is, or leads,
// outside the folder, one below a symbolic link, or a device or pipe.
var ErrEntry = errors.New("the archive may not be unpacked")

// Formats are the names of the formats that Unpack knows.
func Formats() []string {
	return []string{"tar", "tar.bz2", "tar.gz", "tar.sz", "tar.zst", "tar.zz", "zip"}
}

// Unpack unpacks the file src into the folder dst, which it makes when it is missing, with the
// permissions of this process. Files that are there are replaced, folders are kept. Modes are
// the archive's without set-user-ID, set-group-ID and sticky bits; owners are not taken.
// After an error or the end of ctx a part of the archive may have been unpacked. Errors:
// ErrFormat, ErrEntry, those of the file system, and of an archive that is damaged.
func Unpack(ctx context.Context, src, dst, format string) (err error) {
	file, err := os.Open(src)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.MkdirAll(dst, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	t := &tree{ctx: ctx, root: root, folders: map[string]fs.FileMode{".": 0}}
	if format == "zip" {
		err = unzip(t, file)
	} else {
		err = untar(t, file, format)
	}
	return errors.Join(err, t.finish())
}

func untar(t *tree, file io.Reader, format string) error {
	compression, isTar := strings.CutPrefix(format, "tar.")
	if !isTar && format != "tar" {
		return unknown(format)
	}
	if !isTar {
		compression = ""
	}
	stream, done, err := decompress(file, compression)
	if err != nil {
		return fmt.Errorf("%s: %w", format, err)
	}
	defer done()
	for entries := tar.NewReader(stream); ; {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if err := t.tarEntry(h, entries); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	}
}

func (t *tree) tarEntry(h *tar.Header, data io.Reader) error {
	mode := h.FileInfo().Mode()
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return t.file(h.Name, mode, h.ModTime, data)
	case tar.TypeDir:
		return t.folder(h.Name, mode)
	case tar.TypeSymlink:
		return t.symlink(h.Name, h.Linkname)
	case tar.TypeLink:
		return t.link(h.Name, h.Linkname)
	case tar.TypeXGlobalHeader:
		return nil
	default:
		return fmt.Errorf("%w: it is a device or a pipe", ErrEntry)
	}
}

func unzip(t *tree, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
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
	data, err := entry.Open()
	if err != nil {
		return err
	}
	defer data.Close()
	if mode.IsRegular() {
		return t.file(entry.Name, mode, entry.Modified, data)
	}
	const longest = 4096 // a path is no longer
	target, err := io.ReadAll(io.LimitReader(data, longest))
	if err != nil {
		return err
	}
	return t.symlink(entry.Name, string(target))
}
