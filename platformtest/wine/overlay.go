package wine

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

// Overlay writes, into dir, what `go build -overlay` needs to make programs that can remove files in
// Wine 8, and returns its path. Go removes them with a call that Windows has since 2016 and, where a
// system says that it does not know it, with an older one; Wine 8 says so with an error that is not on
// Go's list. Nothing else of Go is changed.
func Overlay(ctx context.Context, dir string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	const (
		known   = "case STATUS_INVALID_INFO_CLASS,"
		unknown = "case NTStatus(0xC0000002) /* STATUS_NOT_IMPLEMENTED */, STATUS_INVALID_INFO_CLASS,"
	)
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "internal", "syscall", "windows", "at_windows.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return "", fmt.Errorf("make an overlay of Go: %w", err)
	}
	if strings.Count(string(source), known) != 1 {
		return "", fmt.Errorf("make an overlay of Go: %s is not as it was: there is not one %q", original, known)
	}
	changed, list := filepath.Join(dir, "at_windows.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		return "", fmt.Errorf("make an overlay of Go: %w", err)
	}
	return list, errors.Join(
		os.WriteFile(changed, []byte(strings.Replace(string(source), known, unknown, 1)), 0o600),
		os.WriteFile(list, text, 0o600))
}
