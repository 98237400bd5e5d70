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

// Write writes, into dir, what `go build -overlay` needs, and returns the path of the list.
func Write(ctx context.Context, dir string, c Change) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", filepath.FromSlash(c.File))
	source, err := os.ReadFile(original)
	if err != nil {
		return "", fmt.Errorf("make an overlay of Go: %w", err)
	}
	if strings.Count(string(source), c.Was) != 1 {
		return "", fmt.Errorf("make an overlay of Go: %s is not as it was: there is not one %q", original, c.Was)
	}
	changed := filepath.Join(dir, filepath.Base(original))
	replace := map[string]string{original: changed}
	err = os.WriteFile(changed, []byte(strings.Replace(string(source), c.Was, c.Is, 1)), 0o600)
	if c.Beside != "" {
		beside := filepath.Join(dir, "beside.go")
		replace[filepath.Join(filepath.Dir(original), "overlay_beside.go")] = beside
		err = errors.Join(err, os.WriteFile(beside, []byte(c.Beside), 0o600))
	}
	text, jsonErr := json.Marshal(map[string]map[string]string{"Replace": replace})
	list := filepath.Join(dir, "overlay.json")
	return list, errors.Join(err, jsonErr, os.WriteFile(list, text, 0o600))
}
