// Command mkcache makes a directory of many small files, as a cache that tasks have filled for
// long: for bench/cache, once. The files are in folders of folders, and the same at each call.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	n := flag.Int("n", 1_000_000, "how many `files`")
	seed := flag.Uint64("seed", 1, "`number` that the sizes are made from")
	dir := flag.String("dir", "", "the `folder` to make; when it is there it is left as it is")
	flag.Parse()
	if err := run(*dir, *n, *seed); err != nil {
		measure.Exit(err)
	}
}

func run(dir string, n int, seed uint64) error {
	if dir == "" {
		return errors.New("name the folder to make with -dir")
	}
	if _, err := os.Lstat(dir); err == nil {
		fmt.Println(dir, "is there already")
		return nil
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := fill(partial, n, rand.New(rand.NewPCG(seed, 0))); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}

// fill makes the files, a hundred in each folder, and a hundred folders in each above.
func fill(dir string, n int, random *rand.Rand) error {
	const each = 100
	text := make([]byte, 64)
	for i := range n {
		folder := filepath.Join(dir, fmt.Sprintf("%04d", i/each/each), fmt.Sprintf("%02d", i/each%each))
		if i%each == 0 {
			if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // as tasks make them
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%02d", i%each)), text[:random.IntN(len(text))], 0o644); err != nil { //nolint:gosec // as tasks make them
			return err
		}
	}
	return nil
}
