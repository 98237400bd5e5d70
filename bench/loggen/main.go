// Command loggen prints text that looks like the log of a CI job, as fast as a pipe takes it:
//
//	loggen -bytes 1GiB -seed 1
//
// The same seed gives the same bytes everywhere. Lines have 60 to 200 bytes with their newline
// and "gzip -6" makes the text about five times smaller. The first 32 MiB are made line by line
// and then repeated: far more than the 32 KiB that deflate looks back, so repeating makes
// nothing smaller. With -began it leaves the time of its first byte in a file.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	poolSize = 32 << 20
	// writeSize is small on purpose: a pipe holds 64 KiB, and filling it whole makes writer and
	// reader wait for each other.
	writeSize = 16 << 10
)

func main() {
	size := flag.String("bytes", "1GiB", "how much to print: a number, or one with KiB, MiB or GiB")
	seed := flag.Uint64("seed", 1, "which text to print")
	began := flag.String("began", "", "a `file` that is given the time of the first byte, in nanoseconds since 1970")
	flag.Parse()
	if err := run(*size, *seed, *began); err != nil {
		fmt.Fprintln(os.Stderr, "loggen:", err)
		os.Exit(1)
	}
}

func run(size string, seed uint64, began string) error {
	n, err := parseSize(size)
	if err != nil {
		return err
	}
	text := newText(seed).fill(int(min(n, poolSize)))
	if began != "" {
		now := strconv.FormatInt(time.Now().UnixNano(), 10)
		if err := os.WriteFile(began, []byte(now), 0o600); err != nil {
			return fmt.Errorf("-began: %w", err)
		}
	}
	return cycle(os.Stdout, text, n)
}

// cycle writes the text again and again until it has written n bytes. The last line may be cut
// short.
func cycle(w io.Writer, text []byte, n int64) error {
	for n > 0 {
		for at := 0; at < len(text) && n > 0; {
			chunk := text[at:min(at+writeSize, len(text))]
			if int64(len(chunk)) > n {
				chunk = chunk[:n]
			}
			if _, err := w.Write(chunk); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			at += len(chunk)
			n -= int64(len(chunk))
		}
	}
	return nil
}

// parseSize reads a number of bytes, with an optional binary unit.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	number := s
	for suffix, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, found := strings.CutSuffix(s, suffix); found {
			number, unit = rest, factor
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("-bytes %q: want a number of bytes, or one with KiB, MiB or GiB", s)
	}
	return n * unit, nil
}
