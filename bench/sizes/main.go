// Command sizes measures the programs as `make build` makes them: stripped, without cgo.
package main

import (
	"flag"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	flag.Parse()
	if err := sizes(*bin); err != nil {
		measure.Exit(err)
	}
}

func sizes(bin string) error {
	var sum int64
	for _, program := range []string{"start-worker", "generic-worker"} {
		info, err := os.Stat(filepath.Join(bin, program))
		if err != nil {
			return err
		}
		measure.Row("size of "+program, measure.Mebibytes(info.Size()), "")
		sum += info.Size()
	}
	measure.Row("size of both", measure.Mebibytes(sum), "")
	return nil
}
