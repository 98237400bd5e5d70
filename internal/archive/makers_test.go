package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// entry is one of an archive; what ends with / is a folder.
type entry struct {
	name, text string
	link, hard string
	mode       int64
	kind       byte // a tar's; the others have only pipes
}

func (e entry) isFolder() bool { return strings.HasSuffix(e.name, "/") }

// unix is the mode of the entry as Unix has it.
func (e entry) unix() uint32 {
	mode := uint32(e.mode) //nolint:gosec // small
	if mode == 0 {
		mode = 0o755
	}
	switch {
	case e.kind != 0:
		return mode | 0x1000
	case e.link != "":
		return mode | 0xa000
	case e.isFolder():
		return mode | 0x4000
	}
	return mode | 0x8000
}

// makers are what makes an archive of each kind.
func makers() map[string]func(testing.TB, ...entry) []byte {
	return map[string]func(testing.TB, ...entry) []byte{"7z": sevenzOf, "rar": rarOf, "tar": tarOf, "zip": zipOf}
}

// archiveOf makes an archive of any format.
func archiveOf(t *testing.T, format string, entries ...entry) []byte {
	t.Helper()
	kind, compression, isCompressed := strings.Cut(format, ".")
	data := makers()[kind](t, entries...)
	if isCompressed {
		data = compress(t, compression, data)
	}
	return data
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: int64(e.unix() & 0xfff), Size: int64(len(e.text)), Typeflag: tar.TypeReg, ModTime: time.Unix(1e9, 0)}
		switch {
		case e.kind != 0:
			h.Typeflag = e.kind
		case e.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		case e.hard != "":
			h.Typeflag, h.Linkname = tar.TypeLink, e.hard
		case e.isFolder():
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Unix(1e9, 0)}
		h.SetMode(fs.FileMode(e.unix() & 0o777))
		switch {
		case e.kind != 0:
			h.SetMode(fs.ModeNamedPipe | 0o777)
		case e.link != "":
			e.text = e.link
			h.SetMode(fs.ModeSymlink | 0o777)
		case e.mode&0o4000 != 0:
			h.SetMode(h.Mode() | fs.ModeSetuid)
		}
		file, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(file, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rarOf makes a RAR 5 archive, nothing of which is compressed.
func rarOf(_ testing.TB, entries ...entry) []byte {
	b := append([]byte("Rar!\x1a\x07\x01\x00"), rarBlock(1, nil, nil, []byte{0})...)
	for _, e := range entries {
		b = append(b, rarFile(e, uint64(len(e.text)), 0)...)
	}
	return append(b, rarBlock(5, nil, nil, []byte{0})...)
}

// rarFile is an entry that says it has so many bytes, packed in that way.
func rarFile(e entry, size, packing uint64) []byte {
	var extra []byte
	kind, target := uint64(1), e.link
	if e.hard != "" {
		kind, target = 4, e.hard
	}
	if target != "" {
		extra = append(vint(5), vint(kind)...)
		extra = append(append(extra, 0), vint(uint64(len(target)))...)
		extra = append(extra, target...)
		extra = append(vint(uint64(len(extra))), extra...)
	}
	flags := byte(0x02 | 0x04) // a time, a checksum
	if e.isFolder() {
		flags |= 0x01
	}
	name := strings.TrimSuffix(e.name, "/")
	h := append([]byte{flags}, vint(size)...)
	h = append(h, vint(uint64(e.unix()))...)
	h = binary.LittleEndian.AppendUint32(h, 1e9)
	h = binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE([]byte(e.text)))
	h = append(h, vint(packing)...)
	h = append(h, 1) // made by a Unix
	h = append(h, vint(uint64(len(name)))...)
	return rarBlock(2, extra, []byte(e.text), append(h, name...))
}

func rarBlock(kind uint64, extra, data, fields []byte) []byte {
	flags := uint64(0)
	var sizes []byte
	if extra != nil {
		flags |= 1
		sizes = append(sizes, vint(uint64(len(extra)))...)
	}
	if data != nil {
		flags |= 2
		sizes = append(sizes, vint(uint64(len(data)))...)
	}
	h := append(vint(kind), vint(flags)...)
	h = append(append(append(h, sizes...), fields...), extra...)
	h = append(vint(uint64(len(h))), h...)
	return append(append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(h)), h...), data...)
}

func vint(n uint64) []byte { return binary.AppendUvarint(nil, n) }

// sevenzOf makes a 7z archive, nothing of which is compressed.
func sevenzOf(_ testing.TB, entries ...entry) []byte {
	var data, sizes, sums, names, modes []byte
	var files uint64
	var empty, emptyFiles []bool // of the empty ones, which is no folder
	for _, e := range entries {
		if e.link != "" {
			e.text = e.link
		}
		if empty = append(empty, e.text == ""); e.text == "" {
			emptyFiles = append(emptyFiles, !e.isFolder())
		} else {
			files++
			data = append(data, e.text...)
			sizes = append(sizes, number7z(uint64(len(e.text)))...)
			sums = binary.LittleEndian.AppendUint32(sums, crc32.ChecksumIEEE([]byte(e.text)))
		}
		for _, unit := range append(utf16.Encode([]rune(strings.TrimSuffix(e.name, "/"))), 0) {
			names = binary.LittleEndian.AppendUint16(names, unit)
		}
		modes = binary.LittleEndian.AppendUint32(modes, e.unix()<<16|0x8000)
	}
	h := []byte{1}
	if files > 0 {
		total := number7z(uint64(len(data)))
		h = append(append(append(h, 4, 6, 0, 1, 9), total...), 0)            // one packed stream
		h = append(append(append(h, 7, 11, 1, 0, 1, 1, 0, 12), total...), 0) // one block, copied
		h = append(append(h, 8, 13), number7z(files)...)                     // so many files in it
		h = append(append(append(h, 9), sizes[:len(sizes)-9]...), 10, 1)     // the last size is not listed
		h = append(append(h, sums...), 0, 0)
	}
	h = append(append(h, 5), number7z(uint64(len(entries)))...)
	h = append(h, property7z(14, bitmap(empty))...)
	h = append(h, property7z(15, bitmap(emptyFiles))...)
	h = append(h, property7z(17, append([]byte{0}, names...))...)
	h = append(h, property7z(21, append([]byte{1, 0}, modes...))...)
	return start7z(data, append(h, 0, 0))
}

// start7z puts what a 7z begins with before data and header.
func start7z(data, header []byte) []byte {
	start := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	start = binary.LittleEndian.AppendUint64(start, uint64(len(header)))
	start = binary.LittleEndian.AppendUint32(start, crc32.ChecksumIEEE(header))
	b := append([]byte("7z\xbc\xaf\x27\x1c"), 0, 4)
	b = append(binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(start)), start...)
	return append(append(b, data...), header...)
}

func bitmap(set []bool) []byte {
	b := make([]byte, (len(set)+7)/8)
	for i, is := range set {
		if is {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	return b
}

func property7z(kind byte, value []byte) []byte {
	if len(value) == 0 {
		return nil
	}
	return append(append([]byte{kind}, number7z(uint64(len(value)))...), value...)
}

// number7z is always as long as it can be.
func number7z(n uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{0xff}, n) }
