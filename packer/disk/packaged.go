package disk

import (
	"context"
	"crypto/md5" //nolint:gosec // dpkg's own sums
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// packaged tells which of the files are below /usr and as a package of dpkg has brought them.
// Only those with something that looks like a key are asked about.
func (d *Disk) packaged(ctx context.Context, hits []hit, names []string) (map[string]bool, error) {
	asked := map[string]bool{}
	for i, h := range hits {
		if !h.kind.known && strings.HasPrefix(names[i], "/usr/") && !strings.HasPrefix(names[i], "/usr/local/") {
			asked[names[i]] = true
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	sums, err := d.sums(ctx)
	if err != nil {
		return nil, err
	}
	unchanged := map[string]bool{}
	for name := range asked {
		// A package may know a file by the name that it had before /usr was merged.
		want := []string{sums[strings.TrimPrefix(name, "/")], sums[strings.TrimPrefix(name, "/usr/")]}
		if want[0] == "" && want[1] == "" {
			continue
		}
		got, err := d.md5(ctx, name)
		if err != nil {
			return nil, err
		}
		unchanged[name] = got == want[0] || got == want[1]
	}
	return unchanged, nil
}

// sums reads what dpkg has noted of its files, by their paths without the first slash.
func (d *Disk) sums(ctx context.Context) (map[string]string, error) {
	tree, err := d.extract(ctx, []string{"var/lib/dpkg/info"})
	if err != nil {
		return nil, err
	}
	lists, err := filepath.Glob(filepath.Join(tree, "var/lib/dpkg/info", "*.md5sums"))
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	sums := map[string]string{}
	for _, list := range lists {
		data, err := os.ReadFile(list) //nolint:gosec // below our own folder
		if err != nil {
			return nil, fmt.Errorf("disk: %w", err)
		}
		for line := range strings.Lines(string(data)) {
			if sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); ok {
				sums[name] = sum
			}
		}
	}
	return sums, nil
}

func (d *Disk) md5(ctx context.Context, name string) (string, error) {
	copied := filepath.Join(d.dir, "file")
	if _, err := d.debugfs(ctx, fmt.Sprintf("dump %q %q", name, copied)); err != nil {
		return "", err
	}
	data, err := os.ReadFile(copied)
	if err != nil {
		return "", fmt.Errorf("disk: %w", err)
	}
	sum := md5.Sum(data) //nolint:gosec // dpkg's own sums
	return hex.EncodeToString(sum[:]), os.Remove(copied)
}
