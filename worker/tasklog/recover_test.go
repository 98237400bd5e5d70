package tasklog_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/tasklog"
)

const killed = "[taskcluster:error] the worker was killed\n[taskcluster:error] really\n"

// spool is what is on disk of a complete log.
func spool(t *testing.T, parts ...string) []byte {
	t.Helper()
	l := newLog(t)
	for _, part := range parts {
		if _, err := l.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := l.Close()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(stored.Path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// recovered is the log that comes of a spool.
func recovered(t *testing.T, dir string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, "task-1.log.gz")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	stored, err := tasklog.Recover(t.Context(), dir, "the worker was killed\nreally")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(stored.Path)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gunzip(stored.Path)
	if err != nil {
		t.Fatal(err)
	}
	log := string(plain)
	if stored.Size != int64(len(log)) || stored.CompressedSize != int64(len(file)) {
		t.Errorf("%+v of %d bytes in %d", stored, len(log), len(file))
	}
	return log
}

// TestRecoverCutAnywhere cuts a log of one block after every byte: what comes back is whole lines
// of ours after none or all of the block.
func TestRecoverCutAnywhere(t *testing.T) {
	want := "first\nsecond\nthird without an end"
	data, dir := spool(t, want), t.TempDir()
	whole := 0
	for cut := range len(data) + 1 {
		switch got := recovered(t, dir, data[:cut]); got {
		case killed:
			if whole > 0 {
				t.Errorf("cut at %d: the block is lost", cut)
			}
		case want + "\n" + killed:
			whole++
		default:
			t.Errorf("cut at %d: %q", cut, got)
		}
	}
	if whole == 0 {
		t.Error("the log never came back")
	}
}

// TestRecoverManyBlocks: all blocks that are whole come back, whatever is behind them.
func TestRecoverManyBlocks(t *testing.T) {
	want := string(text(3 << 20))
	data, dir := spool(t, want), t.TempDir()
	for _, behind := range []string{"", "rubbish", "\x00\x00\xff\xff", "rub\x00\x00\xff\xffbish\x00\x00\xff\xff", strings.Repeat("rubbish", 30000)} {
		before := 0
		for _, cut := range []int{len(data) / 3, 2 * len(data) / 3, len(data) - 10} {
			got := recovered(t, dir, append(bytes.Clone(data[:cut]), behind...))
			kept, ours := strings.CutSuffix(got, killed)
			if kept = strings.TrimSuffix(kept, "\n"); !ours || !strings.HasPrefix(want, kept) && !strings.HasPrefix(want, kept+"\n") {
				t.Errorf("cut at %d, %.10q behind: %d bytes that are not the log", cut, behind, len(got))
			}
			if len(kept) <= before {
				t.Errorf("cut at %d, %.10q behind: only %d bytes", cut, behind, len(kept))
			}
			before = len(kept)
		}
	}
}

// TestRecoverAgain: a worker that was killed while it recovered a log.
func TestRecoverAgain(t *testing.T) {
	dir := t.TempDir()
	recovered(t, dir, spool(t, "text\n"))
	data, err := os.ReadFile(filepath.Join(dir, "task-1.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if got := recovered(t, dir, data); got != "text\n"+killed {
		t.Errorf("%q", got)
	}
}

func TestRecoverNothing(t *testing.T) {
	if _, err := tasklog.Recover(t.Context(), t.TempDir(), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	ended, end := context.WithCancelCause(t.Context())
	cause := errors.New("no time")
	end(cause)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "task-1.log.gz"), spool(t, string(text(2<<20))), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tasklog.Recover(ended, dir, "x"); !errors.Is(err, cause) {
		t.Error(err)
	}
}
