// Package leaves knows the files of the repository that only some systems build, and which of them
// test runs were seen to execute.
package leaves

import (
	"bufio"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module begins the names of files in coverage profiles.
const Module = "github.com/workerkit/workerkit/"

// Systems are those that releases are made for.
func Systems() []string { return []string{"linux", "windows", "darwin", "freebsd"} }

// Leaf is a file that is built for some of the systems only.
type Leaf struct {
	Name    string   // from the root, with slashes
	Systems []string // in the order of Systems
}

// On tells whether the leaf is built for a system.
func (l Leaf) On(system string) bool { return slices.Contains(l.Systems, system) }

// Find lists the leaves below the folder root, by name, without tests and test data.
func Find(root string) ([]Leaf, error) {
	var found []Leaf
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if slices.Contains([]string{".git", "bin", "dist", "node_modules", "testdata", "tools"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		systems, err := builtFor(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(systems) < len(Systems()) {
			found = append(found, Leaf{name, systems})
		}
		return nil
	})
	slices.SortFunc(found, func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
	return found, err
}

// builtFor reads the constraints of a file, in its name and at its top.
func builtFor(file string) ([]string, error) {
	var systems []string
	for _, system := range Systems() {
		c := build.Default
		c.GOOS, c.GOARCH, c.CgoEnabled = system, "amd64", false
		fits, err := c.MatchFile(filepath.Dir(file), filepath.Base(file))
		if err != nil {
			return nil, err
		}
		if fits {
			systems = append(systems, system)
		}
	}
	return systems, nil
}

// Executed reads a coverage profile, and adds to seen each file of which a statement was executed.
func Executed(profile io.Reader, seen map[string]bool) error {
	lines := bufio.NewScanner(profile)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "mode: ") {
			continue
		}
		name, _, ok := strings.Cut(line, ".go:")
		fields := strings.Fields(line)
		if !ok || len(fields) != 3 {
			return fmt.Errorf("%q is no line of a coverage profile", line)
		}
		if fields[2] != "0" {
			seen[path.Clean(strings.TrimPrefix(name, Module))+".go"] = true
		}
	}
	return lines.Err()
}
