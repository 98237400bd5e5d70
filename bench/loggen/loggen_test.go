package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
)

// sample is much more than the 32 KiB that deflate sees at a time.
const sample = 1 << 20

func TestLinesAreAsLongAsPromised(t *testing.T) {
	lines := bytes.SplitAfter(newText(1).fill(sample), []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) > 0 {
		t.Errorf("the text does not end with a line: %q", lines[last])
	}
	total := 0
	for _, line := range lines[:len(lines)-1] {
		if len(line) < 60 || len(line) > 200 {
			t.Fatalf("a line of %d bytes: %q", len(line), line)
		}
		total += len(line)
	}
	if total > sample || total < sample-maxLine {
		t.Errorf("%d bytes", total)
	}
}

func TestGzipMakesItFourToSixTimesSmaller(t *testing.T) {
	for seed := range uint64(3) {
		var out bytes.Buffer
		z, err := gzip.NewWriterLevel(&out, 6)
		if err != nil {
			t.Fatal(err)
		}
		text := newText(seed).fill(sample)
		_, _ = z.Write(text)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if ratio := float64(len(text)) / float64(out.Len()); ratio < 4.3 || ratio > 5.7 {
			t.Errorf("seed %d: %.2f times", seed, ratio)
		}
	}
}

func TestSeedDecidesTheText(t *testing.T) {
	one, again, two := newText(1).fill(sample), newText(1).fill(sample), newText(2).fill(sample)
	if !bytes.Equal(one, again) || bytes.Equal(one, two) {
		t.Error("the text does not go by the seed")
	}
	if !bytes.HasPrefix(one, newText(1).fill(5000)) {
		t.Error("a shorter text is another one")
	}
}

func TestCycleWritesExactly(t *testing.T) {
	text := []byte(strings.Repeat("0123456789", 5000))
	for _, n := range []int64{0, 1, 49_999, 50_000, 50_001, 123_456} {
		var out bytes.Buffer
		if err := cycle(&out, text, n); err != nil {
			t.Fatal(err)
		}
		want := bytes.Repeat(text, int(n)/len(text)+1)[:n]
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%d bytes of %d", out.Len(), n)
		}
	}
	r, w := io.Pipe()
	gone := errors.New("reader has gone")
	r.CloseWithError(gone)
	if err := cycle(w, text, 10); !errors.Is(err, gone) {
		t.Errorf("to nobody: %v", err)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "17": 17, "1KiB": 1024, "32MiB": 32 << 20, "1GiB": 1 << 30,
		"": -1, "GiB": -1, "-1": -1, "1GB": -1, "1.5GiB": -1, "99999999999999GiB": -1,
	} {
		got, err := parseSize(text)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
}
