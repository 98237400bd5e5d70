// Command quiet writes, into a folder, what `go build -overlay` needs for tests that count what is executed and
// still read what their programs print, and prints the path of the list: see overlay.Quiet.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/workerkit/workerkit/platformtest/overlay"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "quiet: one argument is needed, a folder")
		os.Exit(1)
	}
	list, err := overlay.Write(context.Background(), os.Args[1], overlay.Quiet())
	if err != nil {
		fmt.Fprintln(os.Stderr, "quiet:", err)
		os.Exit(1)
	}
	fmt.Println(list)
}
