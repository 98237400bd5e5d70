package archive

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
)

// untar unpacks a tar. What follows its end is read as well, so that the checksum of what it was
// compressed with is looked at.
func untar(t *tree, r io.Reader) error {
	in := bufio.NewReaderSize(cancelled{t.ctx, r}, copySize)
	if _, err := in.Peek(1); err != nil {
		return begins(whole(err))
	}
	for entries := tar.NewReader(in); ; {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.CopyBuffer(io.Discard, in, t.buf)
			return err
		}
		if err != nil && t.entries == t.most {
			return begins(err)
		}
		if err != nil {
			return fmt.Errorf("after %d entries: %w", t.most-t.entries, err)
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
