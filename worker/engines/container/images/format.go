package images

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// sniff tells by which format a stream is compressed; "" is a tar that is not. Its first bytes count
// and not its name: an artifact that was compressed for the way only has come out plain.
func sniff(r *bufio.Reader) (format string, err error) {
	const tarMagic = 257 // where a tar has its mark
	head, err := r.Peek(tarMagic + len("ustar"))
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	for _, known := range []struct{ magic, format string }{
		{"\x28\xb5\x2f\xfd", "zst"},
		{"\x1f\x8b", "gz"},
		{"\x04\x22\x4d\x18", "lz4"},
		{"\x02\x21\x4c\x18", "lz4"},
		{"\xfd7zXZ\x00", "xz"},
		{"BZh", "bz2"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return known.format, nil
		}
	}
	switch {
	case len(head) == 0:
		return "", damaged{errors.New("the artifact is empty: run the task that makes it again")}
	case isSkippable(head):
		return "zst", nil // as pzstd begins
	case len(head) == tarMagic+len("ustar") && string(head[tarMagic:]) == "ustar":
		return "", nil
	}
	return "", damaged{fmt.Errorf("it begins with %x, as none of tar, tar.zst, tar.gz, tar.lz4, tar.xz and tar.bz2 does: make the image by docker save, and compress it by one of these", head[:min(len(head), 8)])}
}

// isSkippable tells whether a stream begins with a frame for other programs.
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte("\x2a\x4d\x18"))
}
