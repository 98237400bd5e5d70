package measure

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Bell is a named pipe by which commands of tasks tell that they have started.
type Bell struct {
	path  string
	pipe  *os.File
	lines *bufio.Reader
}

// Ring is the start of a command: what it was, and when it was the first to be heard of.
type Ring struct {
	PID int
	At  time.Time
}

// NewBell makes a bell that tasks of each engine can ring. Close it in the end.
func NewBell() (*Bell, error) {
	dir, err := os.MkdirTemp("", "workerkit-bell-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "bell")
	if out, err := exec.Command("mkfifo", "-m", "622", path).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfifo: %w: %s", err, out)
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the tasks' accounts have to get there
		return nil, err
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // for writing as well, so that it never ends
	if err != nil {
		return nil, err
	}
	return &Bell{path, pipe, bufio.NewReader(pipe)}, nil
}

// Close removes the bell.
func (b *Bell) Close() {
	_ = b.pipe.Close()
	_ = os.RemoveAll(filepath.Dir(b.path))
}

// Command is one that rings and then goes on as the shell's commands say, in the same process.
func (b *Bell) Command(then string) []string {
	return []string{"/bin/sh", "-c", "echo $$ > " + b.path + "; " + then}
}

// Wait waits for so many commands.
func (b *Bell) Wait(ctx context.Context, count int) ([]Ring, error) {
	stop := context.AfterFunc(ctx, func() { _ = b.pipe.SetReadDeadline(time.Now()) })
	defer stop()
	rings := make([]Ring, 0, count)
	for len(rings) < count {
		line, err := b.lines.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("wait for a command: %w", err)
		}
		at := time.Now()
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("wait for a command: %w", err)
		}
		rings = append(rings, Ring{pid, at})
	}
	return rings, nil
}

// Gone waits until a process has ended, reaped or not, and tells when that was, to a millisecond
// or so.
func Gone(ctx context.Context, pid int) (time.Time, error) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return time.Now(), nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return time.Time{}, context.Cause(ctx)
		}
	}
}
