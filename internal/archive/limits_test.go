package archive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/archive"
)

func TestLimits(t *testing.T) {
	for kind, make := range makers() {
		data := make(t, entry{name: "a", text: "x"}, entry{name: "b", text: "x"}, entry{name: "d/"})
		for _, c := range []struct {
			limits archive.Limits
			want   error
		}{
			{archive.Limits{MaxEntries: 3}, nil},
			{archive.Limits{MaxEntries: 2}, archive.ErrLimit},
			{archive.Limits{MaxEntries: 3, MinFree: math.MaxUint64}, archive.ErrSpace},
		} {
			p := newPlace(t)
			if err := p.limited(t, c.limits, kind, data); !errors.Is(err, c.want) {
				t.Errorf("%s, %+v: %v", kind, c.limits, err)
			}
			if left, err := os.ReadDir(p.dst); err != nil || errors.Is(c.want, archive.ErrSpace) && len(left) > 0 {
				t.Errorf("%s, %+v: %v, %v", kind, c.limits, left, err)
			}
		}
	}
}

// xzAsking is an xz file that asks for so much memory.
func xzAsking(t *testing.T, code byte) []byte {
	t.Helper()
	data := compress(t, "xz", []byte("text"))
	block := data[12:]
	at := bytes.Index(block, []byte{0x21, 1})
	size := (int(block[0])+1)*4 - 4
	block[at+2] = code
	binary.LittleEndian.PutUint32(block[size:], crc32.ChecksumIEEE(block[:size]))
	return data
}

// TestMemory: headers that ask for gigabytes get nothing.
func TestMemory(t *testing.T) {
	huge := number7z(1 << 31)
	lzip := compress(t, "lz", []byte("text"))
	lzip[5] = 29 // 512 MiB
	header := func(parts ...[]byte) []byte { return start7z([]byte("data"), bytes.Join(parts, nil)) }
	block := func(coder ...byte) []byte { return append(append([]byte{7, 11, 1, 0, 1}, coder...), 12, 4, 0) }
	packed := []byte{6, 0, 1, 9, 4, 0}
	for name, c := range map[string]struct {
		format string
		data   []byte
	}{
		"xz":                       {"xz", xzAsking(t, 40)},
		"lzip":                     {"lz", lzip},
		"zstd":                     {"zst", []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0}},
		"rar":                      {"rar", append([]byte("Rar!\x1a\x07\x01\x00"), append(rarBlock(1, nil, nil, []byte{0}), rarFile(entry{name: "f", text: "x"}, 8<<30, 1<<7|15<<10)...)...)},
		"7z files":                 {"7z", header([]byte{1, 5}, huge)},
		"7z packed streams":        {"7z", header([]byte{1, 4, 6, 0}, huge)},
		"7z blocks":                {"7z", header([]byte{1, 4}, packed, []byte{7, 11}, huge)},
		"7z coders":                {"7z", header([]byte{1, 4}, packed, []byte{7, 11, 1, 0}, huge)},
		"7z streams of a coder":    {"7z", header([]byte{1, 4}, packed, []byte{7, 11, 1, 0, 1, 0x11, 0}, huge)},
		"7z files in a block":      {"7z", header([]byte{1, 4}, packed, block(1, 0), []byte{8, 13}, huge)},
		"7z LZMA":                  {"7z", header([]byte{1, 4}, packed, block(0x23, 3, 1, 1, 5, 0x5d, 0, 0, 0, 0x70), []byte{0, 5, 1, 0, 0})},
		"7z LZMA2":                 {"7z", header([]byte{1, 4}, packed, block(0x21, 0x21, 1, 40), []byte{0, 5, 1, 0, 0})},
		"7z PPMd":                  {"7z", header([]byte{1, 4}, packed, block(0x23, 3, 4, 1, 5, 6, 0, 0, 0, 0x70), []byte{0, 5, 1, 0, 0})},
		"7z packed header":         {"7z", header([]byte{0x17}, packed, []byte{7, 11, 1, 0, 1, 1, 0, 12}, huge, []byte{0, 0})},
		"7z LZMA of packed header": {"7z", header([]byte{0x17}, packed, block(0x23, 3, 1, 1, 5, 0x5d, 0, 0, 0, 0x70), []byte{0})},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var err error
		if c.format == "7z" || c.format == "rar" {
			err = newPlace(t).unpack(t, c.format, c.data)
		} else {
			err = archive.Decompress(t.Context(), io.Discard, bytes.NewReader(c.data), c.format)
		}
		runtime.ReadMemStats(&after)
		if !errors.Is(err, archive.ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s: took %d MiB", name, took>>20)
		}
	}
}

// TestEncrypted: there is no password, and the error says so.
func TestEncrypted(t *testing.T) {
	data := zipOf(t, entry{name: "f", text: "text"})
	data[6] |= 1
	data[bytes.Index(data, []byte("PK\x01\x02"))+8] |= 1
	if err := newPlace(t).unpack(t, "zip", data); err == nil || !strings.Contains(err.Error(), "encrypted") {
		t.Error(err)
	}
}
