package tasklog_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestGzipReadersSeeTheLogFromAnyOffsetAtAnyTime: of a log that grows and of one that is complete, in
// memory, in the spool, and across both.
func TestGzipReadersSeeTheLogFromAnyOffsetAtAnyTime(t *testing.T) {
	const blocks = 5
	data := text(blocks<<19 + 12345)
	l := newLog(t)
	offsets := []int64{0, 1, 1<<19 - 1, 1 << 19, 1<<19 + 1, 3 << 19, 3<<19 + 77, int64(len(data)) - 1, int64(len(data))}
	var wg sync.WaitGroup
	read := func(when string, offset, to int64) {
		r := l.NewGzipReader(t.Context(), offset, to)
		defer r.Close()
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Errorf("%s, from %d: %v", when, offset, err)
			return
		}
		got, err := io.ReadAll(z) // checks length and checksum
		if err != nil || !bytes.Equal(got, data[offset:min(to, int64(len(data)))]) {
			t.Errorf("%s, from %d: %d bytes, %v", when, offset, len(got), err)
		}
	}
	for begun, rest := 0, data; len(rest) > 0; begun++ {
		n := min(100_001, len(rest))
		if _, err := l.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
		if begun%12 == 6 {
			for _, offset := range offsets {
				wg.Go(func() { read("growing", offset, math.MaxInt64) })
			}
		}
	}
	if _, err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	l.AwaitSpool()
	for _, offset := range offsets {
		read("complete", offset, math.MaxInt64)
		read("a part", offset, max(offset, 4<<19+99))
		read("whole blocks", offset, max(offset, 2<<19))
	}
}

// TestGzipOfWholeBlocksIsTheSpool: what is on disk is not compressed again.
func TestGzipOfWholeBlocksIsTheSpool(t *testing.T) {
	l := newLog(t)
	data := text(8 << 19)
	if _, err := l.Write(data); err != nil {
		t.Fatal(err)
	}
	l.AwaitSpool()
	r := l.NewGzipReader(t.Context(), 0, math.MaxInt64)
	defer r.Close()
	same := make([]byte, l.SpoolOffset(7))
	if _, err := io.ReadFull(r, same); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(same, l.Spool(t)[:len(same)]) {
		t.Error("the first 7 blocks are not as in the spool")
	}
}

func TestGzipReaderGivesALineAtOnce(t *testing.T) {
	l := newLog(t)
	r := l.NewGzipReader(t.Context(), 0, math.MaxInt64)
	defer r.Close()
	line := strings.Repeat("a line that is said again and again; ", 10) + "\n"
	lines := make([]byte, len(line))
	var z *gzip.Reader
	for i := range 10 {
		if _, err := io.WriteString(l, line); err != nil {
			t.Fatal(err)
		}
		var err error
		if z == nil {
			z, err = gzip.NewReader(r)
		}
		if err == nil {
			_, err = io.ReadFull(z, lines)
		}
		if err != nil || string(lines) != line {
			t.Fatalf("line %d: %q, %v", i, lines, err)
		}
	}
}

func TestGzipReaderEnds(t *testing.T) {
	l := newLog(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("gone")
	ending, closing := l.NewGzipReader(ctx, 0, math.MaxInt64), l.NewGzipReader(t.Context(), 0, math.MaxInt64)
	header := make([]byte, 10)
	for _, r := range []io.Reader{ending, closing} {
		if _, err := io.ReadFull(r, header); err != nil {
			t.Fatal(err)
		}
	}
	time.AfterFunc(10*time.Millisecond, func() {
		cancel(cause)
		closing.Close()
	})
	if _, err := ending.Read(header); !errors.Is(err, cause) {
		t.Errorf("context: %v", err)
	}
	if _, err := closing.Read(header); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestLastLines(t *testing.T) {
	big := text(3<<19 + 100) // lines across the borders of blocks
	unended := append(bytes.Clone(big), "no newline at the end"...)
	endless := bytes.Repeat([]byte{'x'}, 2<<19+5) // one line
	for name, data := range map[string][]byte{
		"empty": nil, "a newline": []byte("\n"), "two": []byte("\n\n"), "short": []byte("one\ntwo\nthree\n"),
		"short, not ended": []byte("one\ntwo\nthree"), "big": big, "not ended": unended, "endless": endless,
		"endless, ended": append(bytes.Clone(endless), "\nlast\n"...),
	} {
		l := newLog(t)
		if _, err := l.Write(data); err != nil {
			t.Fatal(err)
		}
		for _, lines := range []int{0, 1, 2, 3, 4, 100, 9_000, 1 << 30} {
			want := int64(len(data)) - int64(len(lastLines(data, lines)))
			if got, err := l.LastLines(t.Context(), lines); err != nil || got != want {
				t.Errorf("%s: the last %d begin at %d, %v; want %d", name, lines, got, err, want)
			}
		}
	}
}

// lastLines is the same without cleverness.
func lastLines(data []byte, n int) []byte {
	all := bytes.SplitAfter(data, []byte{'\n'})
	if len(all[len(all)-1]) == 0 {
		all = all[:len(all)-1]
	}
	return bytes.Join(all[max(0, len(all)-n):], nil)
}

func TestLastLinesEndsWithItsContext(t *testing.T) {
	l := newLog(t)
	if _, err := l.Write(text(1000)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.LastLines(ctx, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkTail is the last 100 lines of a log of 256 MiB that still grows.
func BenchmarkTail(b *testing.B) {
	l := newLog(b)
	for data := text(16 << 20); l.Size() < 256<<20; {
		if _, err := l.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := l.LastLines(b.Context(), 100); err != nil {
			b.Fatal(err)
		}
	}
}
