// Package wine runs Windows programs on Linux, with what Wine 8 lacks for programs made by Go.
package wine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is for Wine's own programs.
const patience = 2 * time.Minute

// Wine is a Windows of its own: its files, registry and processes end with Close.
type Wine struct {
	dir     string
	program string
}

// Missing names, as Debian does, what has to be installed before anything runs here.
func Missing() []string {
	var packages []string
	for program, in := range map[string]string{"wineserver": "wine64", compiler: "gcc-mingw-w64-x86-64"} {
		if _, err := exec.LookPath(program); err != nil {
			packages = append(packages, in)
		}
	}
	return packages
}

// New makes a Windows in the folder cache, which keeps what all of them share: about 700 MB.
// The first takes some ten seconds, further ones about one.
func New(ctx context.Context, cache string) (*Wine, error) {
	program, err := exec.LookPath("wine")
	if err != nil {
		program, err = exec.LookPath("wine64")
	}
	if err != nil {
		return nil, fmt.Errorf("wine: %w", err)
	}
	cache, err = filepath.Abs(cache)
	if err != nil {
		return nil, fmt.Errorf("wine: %w", err)
	}
	model, err := prepare(ctx, cache, program)
	if err != nil {
		return nil, fmt.Errorf("wine: make the first prefix: %w", err)
	}
	dir, err := os.MkdirTemp(cache, runs)
	if err != nil {
		return nil, fmt.Errorf("wine: %w", err)
	}
	if err := copyTree(model, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("wine: copy the prefix: %w", err), os.RemoveAll(dir))
	}
	return &Wine{dir: dir, program: program}, nil
}

// Drive is where its drive C: is on this machine.
func (w *Wine) Drive() string { return filepath.Join(w.dir, "drive_c") }

// Path is how a Windows program names a file of this machine.
func Path(path string) string { return `Z:` + strings.ReplaceAll(path, "/", `\`) }

// Command makes a command that runs a Windows program. It sees nothing of this process's environment:
// what it needs is in extra. A ctx that ends kills the program, but only Close kills all that it started.
func (w *Wine) Command(ctx context.Context, extra []string, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.program, append([]string{program}, args...)...)
	cmd.Env = append(environment(w.dir), extra...)
	cmd.WaitDelay = 5 * time.Second // its children hold the pipes
	return cmd
}

// Close ends all processes and removes all files, also when ctx has ended.
func (w *Wine) Close(ctx context.Context) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer done()
	return errors.Join(server(ctx, w.dir, "-k"), server(ctx, w.dir, "-w"), os.RemoveAll(w.dir))
}

// server speaks to the process that all programs of one prefix share.
func server(ctx context.Context, dir, what string) error {
	cmd := exec.CommandContext(ctx, "wineserver", what)
	cmd.Env = environment(dir)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && what == "-k" && exit.ExitCode() == 1 {
		return nil // there is none
	}
	if err != nil {
		return fmt.Errorf("wineserver %s: %w: %s", what, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// environment is all that a program starts with. Wine reads the names of files in the form of LC_ALL.
func environment(prefix string) []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + prefix, "USER=worker", "LC_ALL=C.UTF-8",
		"WINEPREFIX=" + prefix, "WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=",
	}
}
