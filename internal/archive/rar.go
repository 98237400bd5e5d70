package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/nwaples/rardecode/v2"
)

func unrar(t *tree, r io.Reader) error {
	r = cancelled{t.ctx, r}
	entries, err := rardecode.NewReader(r, rardecode.MaxDictionarySize(maxDictionary))
	for err == nil {
		var h *rardecode.FileHeader
		if h, err = entries.Next(); err != nil {
			break
		}
		if err = t.rarEntry(h, entries); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	}
	if errors.Is(err, io.EOF) {
		_, err = io.CopyBuffer(io.Discard, r, t.buf)
		return err
	}
	if t.entries == t.most {
		return begins(err)
	}
	return fmt.Errorf("after %d entries: %w", t.most-t.entries, err)
}

func (t *tree) rarEntry(h *rardecode.FileHeader, data io.Reader) error {
	mode := h.Mode()
	switch h.LinkType {
	case rardecode.LinkTypeNone:
	case rardecode.LinkTypeUnixSymlink, rardecode.LinkTypeWindowsSymlink:
		return t.symlink(h.Name, h.LinkTarget)
	case rardecode.LinkTypeHardLink:
		return t.link(h.Name, h.LinkTarget)
	case rardecode.LinkTypeFileCopy:
		return t.again(h.Name, h.LinkTarget, mode, h.ModificationTime)
	default:
		return fmt.Errorf("%w: it is a link of a kind that is not known", ErrEntry)
	}
	switch kind := h.Attributes & 0xf000; {
	case mode.IsDir():
		return t.folder(h.Name, mode)
	case mode.Type() == fs.ModeSymlink:
		return t.symlinkFrom(h.Name, data)
	case h.HostOS == rardecode.HostOSUnix && kind != 0 && kind != 0x8000:
		return fmt.Errorf("%w: it is a device or a pipe", ErrEntry)
	}
	return t.file(h.Name, mode, h.ModificationTime, data)
}
