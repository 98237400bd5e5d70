// Command page writes docs/platforms.md from the coverage profiles of test runs: `make platforms`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
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
	seen := leaves.Seen{Linux: map[string]bool{}, Wine: map[string]bool{}, ARM64: map[string]bool{}}
	said := runs{by: map[string]*run{}}
	flag.Func("linux", "a coverage `profile` of tests on Linux; may be given again", adder(seen.Linux))
	flag.Func("wine", "a coverage `profile` of tests in Wine; may be given again", adder(seen.Wine))
	flag.Func("arm64", "a coverage `profile` of tests for arm64 on Linux; one that is not there was no run", maybe(adder(seen.ARM64)))
	flag.Func("log", "`PLATFORM=FILE`, what the tests of packages said; may be given again", said.adder((*run).read))
	flag.Func("programs", "`PLATFORM=FILE`, what go test -v said of whole programs; may be given again", said.adder((*run).readPrograms))
	root := flag.String("root", ".", "the `folder` of the repository")
	flag.Parse()
	if err := write(*root, seen, said.table()); err != nil {
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

// maybe leaves out a file that is not there.
func maybe(add func(string) error) func(string) error {
	return func(name string) error {
		err := add(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
}

func write(root string, seen leaves.Seen, table string) error {
	found, err := leaves.Find(root)
	if err != nil {
		return err
	}
	if len(seen.Linux) == 0 || len(seen.Wine) == 0 {
		return fmt.Errorf("no profile of Linux or none of Wine: what they have run would be called compiled only")
	}
	return os.WriteFile(filepath.Join(root, "docs", "platforms.md"), []byte(head+table+leaves.Page(found, seen)), 0o644) //nolint:gosec // documentation
}
