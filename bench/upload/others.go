package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

// pgzip compresses a file as pgzip -1 does: blocks of 1 MiB on all cores, each with the last 16 KiB of
// the one before as its dictionary.
func pgzip(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	err = compress(out, in)
	return errors.Join(err, out.Close(), os.Remove(to))
}

const tail = 16 << 10

func compress(out io.Writer, in io.Reader) error {
	results := make(chan chan []byte, runtime.GOMAXPROCS(0))
	writers := sync.Pool{New: func() any {
		w, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for unknown levels only
		return w
	}}
	buffers := sync.Pool{New: func() any { return new(bytes.Buffer) }}
	written := make(chan error, 1)
	go func() {
		var first error
		for r := range results {
			if _, err := out.Write(<-r); err != nil && first == nil {
				first = err
			}
		}
		written <- first
	}()
	crc := crc32.NewIEEE()
	var dict []byte
	for {
		block := make([]byte, 1<<20)
		n, err := io.ReadFull(in, block)
		block = block[:n]
		result := make(chan []byte, 1)
		results <- result
		go func(dict []byte) {
			w, b := writers.Get().(*flate.Writer), buffers.Get().(*bytes.Buffer)
			b.Reset()
			w.ResetDict(b, dict)
			_, _ = w.Write(block)
			_ = w.Flush()
			result <- bytes.Clone(b.Bytes())
			writers.Put(w)
			buffers.Put(b)
		}(dict)
		_, _ = crc.Write(block)
		dict = block[max(0, n-tail):]
		if err != nil {
			close(results)
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return errors.Join(err, <-written)
			}
			return <-written
		}
	}
}

// sums computes the SHA-256 and the SHA-512 of a file side by side.
func sums(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var running sync.WaitGroup
	blocks := [2][]byte{make([]byte, 1<<20), make([]byte, 1<<20)}
	hashes := []hash.Hash{sha256.New(), sha512.New()}
	for i := 0; ; i++ {
		n, err := file.Read(blocks[i%2]) // while the other one is hashed
		running.Wait()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, h := range hashes {
			running.Go(func() { _, _ = h.Write(blocks[i%2][:n]) })
		}
	}
}

// again gives the same data again and again.
type again struct {
	data []byte
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.data[a.at:])
	a.at = (a.at + n) % len(a.data)
	return n, nil
}

func zeros() io.Reader { return &again{data: make([]byte, 1<<20)} }

// random is the same in each run, and does not repeat.
func random() io.Reader { return rand.NewChaCha8([32]byte{1}) }

// text is source text, repeated far behind what gzip looks back.
func (b *bench) text() (io.Reader, error) {
	folder := b.source
	if folder == "" {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return nil, fmt.Errorf("go env GOROOT: %w", err)
		}
		folder = filepath.Join(strings.TrimSpace(string(root)), "src")
	}
	var all []byte
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, ".go") {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, data...)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no source text in %s", folder)
	}
	return &again{data: all}, err
}
