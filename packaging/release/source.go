package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// source is what a release is made from.
type source struct {
	dir     string // of the checkout
	commit  string
	version string    // semantic, without a v
	when    time.Time // of the commit: everything in a release is as old as that
}

// semantic matches the versions that a release may have. What comes after a plus is ours.
var semantic = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// openSource looks at the checkout that dir is in. An empty version is taken from the tags. A tree
// that differs from its commit is refused unless dirty, and then the version says so.
func openSource(ctx context.Context, dir, version string, dirty bool) (source, error) {
	top, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return source{}, fmt.Errorf("a release is made from a git checkout: %w", err)
	}
	s := source{dir: top}
	if s.commit, err = git(ctx, top, "rev-parse", "HEAD"); err != nil {
		return s, err
	}
	seconds, err := git(ctx, top, "log", "-1", "--format=%ct")
	if err != nil {
		return s, err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return s, fmt.Errorf("the time of commit %s: %w", s.commit, err)
	}
	s.when = time.Unix(unix, 0).UTC()
	if s.version = strings.TrimPrefix(version, "v"); s.version == "" {
		if s.version, err = s.describe(ctx); err != nil {
			return s, err
		}
	}
	if !semantic.MatchString(s.version) {
		return s, fmt.Errorf("version %q: it must be like 1.2.3 or 1.2.3-rc.1", s.version)
	}
	changes, err := git(ctx, top, "status", "--porcelain", "--untracked-files=normal") // whatever status.showUntrackedFiles says
	if err != nil || changes == "" {
		return s, err
	}
	if !dirty {
		first, _, _ := strings.Cut(changes, "\n")
		return s, fmt.Errorf("%d files differ from commit %.12s, such as %q: commit them, or say -dirty for a release that nobody else gets",
			strings.Count(changes, "\n")+1, s.commit, strings.TrimSpace(first[2:]))
	}
	if strings.Contains(s.version, "-") {
		s.version += ".dirty"
	} else {
		s.version += "-dirty"
	}
	return s, nil
}

var described = regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?-(\d+)-g[0-9a-f]+$`)

// describe makes a version of the newest tag: its own for the tagged commit, else one that sorts
// between it and the next release.
func (s source) describe(ctx context.Context) (string, error) {
	text, err := git(ctx, s.dir, "describe", "--tags", "--long", "--match", "v[0-9]*")
	if err != nil { // no tag
		count, err := git(ctx, s.dir, "rev-list", "--count", "HEAD")
		return fmt.Sprintf("0.1.0-dev.%s.g%.12s", count, s.commit), err
	}
	m := described.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("the newest tag gives %q, which is no version: tag releases v1.2.3, or set VERSION", text)
	}
	base, before, since := m[1]+"."+m[2]+".", m[4], m[5]
	switch {
	case since == "0":
		return base + m[3] + before, nil
	case before != "":
		return base + m[3] + before + fmt.Sprintf(".dev.%s.g%.12s", since, s.commit), nil
	}
	patch, err := strconv.Atoi(m[3])
	return fmt.Sprintf("%s%d-dev.%s.g%.12s", base, patch+1, since, s.commit), err
}

// export copies the files that git knows, or would know, to a new folder: nothing that lies
// about in the checkout gets into a release, and the checkout may change meanwhile.
func (s source) export(ctx context.Context, to string) error {
	list, err := git(ctx, s.dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		path := filepath.Join(to, filepath.FromSlash(name))
		err := copyFile(path, filepath.Join(s.dir, filepath.FromSlash(name)))
		if err == nil {
			err = s.age(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // removed, in a dirty tree
			return fmt.Errorf("copy the source: %w", err)
		}
	}
	return nil
}

// age makes a file as old as the commit: packages keep the times of what they are made of.
func (s source) age(path string) error {
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	return os.Chtimes(path, s.when, s.when)
}

func copyFile(to, from string) (err error) {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read from
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|info.Mode()&0o111)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// git runs git and returns what it says, without the last line's end.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	var problem bytes.Buffer
	c := exec.CommandContext(ctx, "git", args...)
	c.Dir, c.Stderr = dir, &problem
	// The output is read here, so it must not depend on the user's language or settings.
	c.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(problem.Bytes()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
