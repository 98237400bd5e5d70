// Package overlay changes a place of Go's own library, for programs that are built with the list that
// it makes (`go build -overlay`) and no others.
package overlay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Change is one place of one file of Go.
type Change struct {
	File    string // below GOROOT/src
	Was, Is string // the place, which is there once
	Beside  string // the text of a further file of the same package, if any
}

// Quiet has a program that counts what is executed say nothing where it is not told where to write, as in a
// task's own environment: what tests compare has no such line.
func Quiet() Change {
	const warn = `fmt.Fprintf(os.Stderr, "warning: GOCOVERDIR not set, no coverage data emitted\n")`
	return Change{File: "internal/coverage/cfile/emit.go", Was: warn, Is: "_ = fmt.Fprintf"}
}

// Write writes, into dir, what `go build -overlay` needs, and returns the path of the list.
func Write(ctx context.Context, dir string, changes ...Change) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src")
	replace := map[string]string{}
	write := func(original, text string) error {
		changed := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		replace[original] = changed
		return os.WriteFile(changed, []byte(text), 0o600)
	}
	for _, c := range changes {
		original := filepath.Join(source, filepath.FromSlash(c.File))
		text, err := os.ReadFile(original)
		if err != nil {
			return "", fmt.Errorf("make an overlay of Go: %w", err)
		}
		if strings.Count(string(text), c.Was) != 1 {
			return "", fmt.Errorf("make an overlay of Go: %s is not as it was: there is not one %q", original, c.Was)
		}
		err = write(original, strings.Replace(string(text), c.Was, c.Is, 1))
		if err == nil && c.Beside != "" {
			err = write(filepath.Join(filepath.Dir(original), "overlay_beside.go"), c.Beside)
		}
		if err != nil {
			return "", fmt.Errorf("make an overlay of Go: %w", err)
		}
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	list := filepath.Join(dir, "overlay.json")
	return list, errors.Join(err, os.WriteFile(list, text, 0o600))
}
