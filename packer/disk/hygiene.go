package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/packer/templates"
)

// inspected are the folders in which hygiene.sh looks. Of /usr it is /usr/local alone: the rest
// is that of packages.
func inspected() []string {
	return []string{"etc", "root", "home", "opt", "srv", "var", "tmp", "dev", "usr/local"}
}

// Hygiene returns the traces of the build in the files of the disk, as the script finds them
// that a build runs at its end. The secrets are looked for as they are; Scan knows their forms.
func (d *Disk) Hygiene(ctx context.Context, secrets []Secret) ([]Finding, error) {
	tree, err := d.extract(ctx, inspected())
	if err != nil {
		return nil, err
	}
	script, err := fs.ReadFile(templates.Files(), "scripts/linux/hygiene.sh")
	if err != nil {
		return nil, fmt.Errorf("hygiene: %w", err)
	}
	values := filepath.Join(d.dir, "secrets")
	if err := os.WriteFile(values, lines(secrets), 0o600); err != nil {
		return nil, fmt.Errorf("hygiene: %w", err)
	}
	defer os.Remove(values) //nolint:errcheck // the folder goes
	cmd := exec.CommandContext(ctx, "sh", "-s", "--", tree, values)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TMPDIR="+d.dir)
	cmd.Stdin = strings.NewReader(string(script))
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	const traces = 1 // its exit code
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() != traces {
		return nil, fmt.Errorf("hygiene: %w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	} else if !ok && err != nil {
		return nil, fmt.Errorf("hygiene: %w", err)
	}
	return findings(string(out)), nil
}

// findings reads the script's lines: "trace: /etc/x: what it is".
func findings(out string) []Finding {
	var all []Finding
	for line := range strings.Lines(out) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "trace: ")
		if !ok {
			continue
		}
		i := strings.LastIndex(rest, ": ")
		all = append(all, Finding{What: rest[max(i+2, 0):], File: rest[:max(i, 0)]})
	}
	return all
}

// lines are the secrets as the script reads them; of one with several lines, those that could
// be nowhere else.
func lines(secrets []Secret) []byte {
	var all strings.Builder
	for _, s := range secrets {
		for line := range strings.Lines(s.Value.Reveal()) {
			if line = strings.TrimSpace(line); len(line) >= tooShort && !strings.HasPrefix(line, "-----") {
				all.WriteString(line + "\n")
			}
		}
	}
	return []byte(all.String())
}
