package wine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	compiler = "x86_64-w64-mingw32-gcc"
	// runs begins the names of the prefixes that are in use.
	runs = "run-"
	// stale is the age from which one is not in use any more.
	stale = 24 * time.Hour
)

// prng is a library of Windows that Wine 8 does not have and that every Go program needs.
//
//go:embed prng/prng.c
var prng string

// prepare makes the prefix that all others are copies of, unless it is there.
func prepare(ctx context.Context, cache, program string) (string, error) {
	version, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", err
	}
	model := filepath.Join(cache, strings.Map(plain, strings.TrimSpace(string(version))))
	sweep(cache)
	if _, err := os.Stat(model); err == nil {
		return model, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(cache, runs)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) // gone by its other name when all went well
	if err := build(ctx, dir, program); err != nil {
		return "", err
	}
	if err := os.Rename(dir, model); err != nil && !errors.Is(err, fs.ErrExist) { // somebody was faster
		return "", err
	}
	return model, nil
}

func plain(r rune) rune {
	if strings.ContainsRune("-._", r) || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
		return r
	}
	return '-'
}

// build makes a prefix with the library in it.
func build(ctx context.Context, dir, program string) error {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	boot := exec.CommandContext(ctx, program, "wineboot", "--init")
	boot.Env = environment(dir)
	if out, err := boot.CombinedOutput(); err != nil {
		return fmt.Errorf("wineboot: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := server(ctx, dir, "-w"); err != nil {
		return err
	}
	system := filepath.Join(dir, "drive_c", "windows", "system32")
	cc := exec.CommandContext(ctx, compiler, "-O2", "-s", "-shared", "-x", "c", "-",
		"-o", filepath.Join(system, "bcryptprimitives.dll"), "-ladvapi32")
	cc.Stdin = strings.NewReader(prng)
	if out, err := cc.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", compiler, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// copyTree fills the folder to with what is in from. Windows' own files, which nothing here writes to, are
// links to the same file.
func copyTree(from, to string) error {
	shared := filepath.Join("drive_c", "windows")
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil || name == "." {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case entry.IsDir():
			return os.Mkdir(target, 0o700)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			return errors.Join(err, os.Symlink(link, target))
		case !entry.Type().IsRegular():
			return nil
		case strings.HasPrefix(name, shared+string(filepath.Separator)):
			return os.Link(path, target)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
}

// sweep removes what runs that were killed have left. What cannot be removed is in nobody's way.
func sweep(cache string) {
	left, _ := filepath.Glob(filepath.Join(cache, runs+"*"))
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > stale {
			_ = os.RemoveAll(dir)
		}
	}
}
