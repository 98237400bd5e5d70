// Command page writes docs/platforms.md from the coverage profiles of test runs: `make platforms`.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	_ "embed"

	"github.com/workerkit/workerkit/platformtest/leaves"
)

// head is the part of the page that people write.
//
//go:embed head.txt
var head string

func main() {
	seen := leaves.Seen{Linux: map[string]bool{}, Wine: map[string]bool{}}
	flag.Func("linux", "a coverage `profile` of tests on Linux; may be given again", adder(seen.Linux))
	flag.Func("wine", "a coverage `profile` of tests in Wine; may be given again", adder(seen.Wine))
	root := flag.String("root", ".", "the `folder` of the repository")
	flag.Parse()
	if err := write(*root, seen); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

func adder(seen map[string]bool) func(string) error {
	return func(name string) error {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		return leaves.Executed(file, seen)
	}
}

func write(root string, seen leaves.Seen) error {
	found, err := leaves.Find(root)
	if err != nil {
		return err
	}
	if len(seen.Linux) == 0 || len(seen.Wine) == 0 {
		return fmt.Errorf("no profile of Linux or none of Wine: what they have run would be called compiled only")
	}
	return os.WriteFile(filepath.Join(root, "docs", "platforms.md"), []byte(head+leaves.Page(found, seen)), 0o644) //nolint:gosec // documentation
}
