// Command mktar makes an archive like those that tasks unpack, tar compressed with zstd:
//
//	mktar -o archive.tar.zst -files 20000 -mib 500 -seed 1
//
// The same flags give the same bytes everywhere, of which it prints the sha256. Half of the files'
// bytes are text that zstd makes about four times smaller, half are such that nothing makes them
// smaller. Most files are small and a few are big, in a tree of some 1,700 folders up to seven
// deep, each file by its folder's other ones.
package main

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	out := flag.String("o", "", "the `file` to make")
	files := flag.Int("files", 20_000, "how many files to put in")
	size := flag.Int64("mib", 500, "how many MiB they have in all")
	seed := flag.Uint64("seed", 1, "which archive to make")
	flag.Parse()
	if err := run(*out, *files, *size<<20, *seed); err != nil {
		measure.Exit(fmt.Errorf("mktar: %w", err))
	}
}

func run(out string, files int, size int64, seed uint64) (err error) {
	if out == "" || files < 1 || size < 0 {
		return errors.New("-o is needed, at least one file, and no negative size")
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := sha256.New()
	buffered := bufio.NewWriterSize(file, 1<<20)
	if err := pack(io.MultiWriter(buffered, sum), files, size, seed); err != nil {
		return err
	}
	fmt.Printf("%x  %s\n", sum.Sum(nil), out)
	return buffered.Flush()
}

// pack writes the archive.
func pack(w io.Writer, files int, size int64, seed uint64) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(z)
	random := rand.New(rand.NewPCG(seed, 0x6d6b746172))
	data := newContent(seed)
	for _, e := range newPlan(random, files, size) {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(e.size), Typeflag: tar.TypeReg, ModTime: time.Unix(1.6e9+e.age, 0), Format: tar.FormatGNU}
		if e.folder {
			h.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		if _, err := archive.Write(data.next(e.size)); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), z.Close())
}
