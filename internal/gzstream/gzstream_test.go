package gzstream_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/gzstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is n bytes that compress as logs do.
func lines(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%06d unit %x took %d ms of %d\n", i, random.Uint32(), random.IntN(900), random.IntN(90))
	}
	return b.Bytes()[:n]
}

func gunzip(t *testing.T, compressed []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false) // one member, not several
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWriterGivesWhatGunzipReads(t *testing.T) {
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.N(256))
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "one byte": {0}, "a block": lines(gzstream.BlockSize), "a block and a byte": lines(gzstream.BlockSize + 1),
		"many blocks": lines(9*gzstream.BlockSize + 12345), "noise": noise, "zeros": make([]byte, 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := gzstream.NewWriter(&out)
			for rest := data; len(rest) > 0; {
				n, err := w.Write(rest[:min(len(rest), 100_000)])
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			totals, err := w.Close()
			if err != nil {
				t.Fatal(err)
			}
			if totals.Size != int64(len(data)) || totals.CompressedSize != int64(out.Len()) {
				t.Errorf("totals %+v of %d bytes in %d", totals, len(data), out.Len())
			}
			if !bytes.Equal(gunzip(t, out.Bytes()), data) {
				t.Error("the data does not come back")
			}
		})
	}
}

// TestWriterBeginsAgain: with what it has, also after a stream that could not be written.
func TestWriterBeginsAgain(t *testing.T) {
	w := gzstream.NewWriter(io.Discard)
	for _, n := range []int{0, 10, 5 * gzstream.BlockSize, 1} {
		data := lines(n)
		for i, to := range []io.Writer{&full{20}, new(bytes.Buffer)} {
			if _, err := w.Close(); i == 0 && err != nil {
				t.Fatal(err)
			}
			w.Reset(to)
			read, err := w.ReadFrom(iotest.OneByteReader(bytes.NewReader(data)))
			if i == 1 && (err != nil || read != int64(n)) {
				t.Errorf("read %d of %d bytes: %v", read, n, err)
			}
		}
		var out bytes.Buffer
		_, _ = w.Close()
		w.Reset(&out)
		_, err := w.ReadFrom(bytes.NewReader(data))
		totals, closing := w.Close()
		if err != nil || closing != nil || totals.Size != int64(n) || !bytes.Equal(gunzip(t, out.Bytes()), data) {
			t.Errorf("%d bytes: %+v, %v, %v", n, totals, err, closing)
		}
		w.Reset(io.Discard)
	}
	if _, err := w.ReadFrom(iotest.ErrReader(errFull)); !errors.Is(err, errFull) {
		t.Errorf("a source that breaks: %v", err)
	}
	if _, err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestBlocksCanBeReadAloneAndAreToldOfInOrder(t *testing.T) {
	var out bytes.Buffer
	s := gzstream.NewStream(&out, 4)
	data := lines(1 << 20)
	var offsets []int64
	for at := 0; at < len(data); at += 64 << 10 {
		err := s.Add(gzstream.Block{Raw: data[at : at+64<<10], Done: func(offset int64, err error) {
			if err != nil {
				t.Error(err)
			}
			offsets = append(offsets, offset)
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(offsets) != 16 || !slices.IsSorted(offsets) {
		t.Fatalf("offsets %v", offsets)
	}
	for i, offset := range offsets { // a gzip header, and decompression begins anywhere
		begin := append(slices.Clone(out.Bytes()[:10]), out.Bytes()[offset:]...)
		z, err := gzip.NewReader(bytes.NewReader(begin))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 64<<10)
		if _, err := io.ReadFull(z, got); err != nil || !bytes.Equal(got, data[i<<16:(i+1)<<16]) {
			t.Errorf("block %d: %v", i, err)
		}
	}
}

func TestEveryCutAtABlockIsReadable(t *testing.T) {
	var out bytes.Buffer
	s := gzstream.NewStream(&out, 2)
	data := lines(300_000)
	var mu sync.Mutex
	ends := map[int]int{} // of the compressed stream, by bytes of data before
	for at := 0; at < len(data); at += 100_000 {
		if err := s.Add(gzstream.Block{Raw: data[at : at+100_000], Dict: data[max(0, at-50_000):at], Done: func(offset int64, _ error) {
			mu.Lock()
			defer mu.Unlock()
			ends[at] = int(offset)
		}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for at, end := range ends {
		z, err := gzip.NewReader(bytes.NewReader(out.Bytes()[:end]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(z)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, data[:at]) {
			t.Errorf("cut after %d bytes of data: %d come back, %v", at, len(got), err)
		}
	}
	if !bytes.Equal(gunzip(t, out.Bytes()), data) {
		t.Error("the data does not come back")
	}
}

func TestDictionaryHelpsSmallBlocks(t *testing.T) {
	var data []byte
	for phrases := lines(8000); len(data) < 200_000; { // which come again and again, in no order
		at := rand.N(len(phrases) - 50)
		data = append(data, phrases[at:at+50]...)
	}
	size := func(dict bool) int {
		var out bytes.Buffer
		s := gzstream.NewStream(&out, 1)
		for at := 0; at < len(data); at += 2000 {
			b := gzstream.Block{Raw: data[at : at+2000]}
			if dict {
				b.Dict = data[:at]
			}
			if err := s.Add(b); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(gunzip(t, out.Bytes()), data) {
			t.Error("the data does not come back")
		}
		return out.Len()
	}
	if with, without := size(true), size(false); with > without*9/10 {
		t.Errorf("%d bytes with, %d without", with, without)
	}
}

// full is a disk that takes so many bytes.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.left < len(p) {
		return 0, errFull
	}
	f.left -= len(p)
	return len(p), nil
}

func TestFailureOfTheWriterIsReported(t *testing.T) {
	for _, left := range []int{0, 10, 20_000} {
		w := gzstream.NewWriter(&full{left})
		var err error
		for range 100 {
			if _, err = w.Write(lines(gzstream.BlockSize)); err != nil {
				break
			}
		}
		if !errors.Is(err, errFull) {
			t.Errorf("100 blocks were written to a disk of %d bytes: %v", left, err)
		}
		if _, err := w.Close(); !errors.Is(err, errFull) {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := gzstream.NewWriter(&full{12}).Close(); !errors.Is(err, errFull) {
		t.Errorf("Close without data: %v", err)
	}
}

// slow is a writer that waits until it may go on.
type slow struct{ begin chan struct{} }

func (s slow) Write(p []byte) (int, error) {
	<-s.begin
	return len(p), nil
}

func TestMemoryIsBoundedWhenTheWriterIsSlow(t *testing.T) {
	begin := make(chan struct{}, 1)
	begin <- struct{}{} // the header
	s := gzstream.NewStream(slow{begin}, 2)
	added := make(chan int)
	go func() {
		defer close(added)
		for i := range 20 {
			if err := s.Add(gzstream.Block{Raw: []byte("block")}); err != nil {
				t.Error(err)
			}
			added <- i
		}
	}()
	for range 4 { // two workers, and two blocks that wait
		<-added
	}
	runtime.Gosched()
	select {
	case i := <-added:
		t.Errorf("block %d was taken while none could be written", i)
	default:
	}
	close(begin)
	for range added {
	}
	if _, err := s.Close(); err != nil {
		t.Error(err)
	}
}

func BenchmarkWriter(b *testing.B) {
	data := lines(64 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		w := gzstream.NewWriter(io.Discard)
		if _, err := w.Write(data); err != nil {
			b.Fatal(err)
		}
		totals, err := w.Close()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(totals.Size)/float64(totals.CompressedSize), "ratio")
	}
}
