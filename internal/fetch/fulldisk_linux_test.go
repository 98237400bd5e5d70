package fetch_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/isolated"
)

// TestFullDisk: a content that does not fit is removed, and the error says what to do.
func TestFullDisk(t *testing.T) {
	if !isolated.Entered() {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd, err := isolated.Command(program, nil, "-test.run=^TestFullDisk$", "-test.v")
		if err != nil {
			t.Skipf("no small disk can be mounted: %v", err)
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = w.Write(random(2 << 20)) })
	path := filepath.Join(dir, "file")
	d, err := s.fetcher().Start(t.Context(), fetch.Content{URL: s.URL}, fetch.Access{}, path)
	if err != nil {
		t.Fatal(err)
	}
	r := follow(t, d)
	_, err = d.Wait(t.Context())
	if !errors.Is(err, fetch.ErrNoSpace) || !strings.Contains(err.Error(), "ask whoever runs the worker for more space") || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, fetch.ErrNoSpace) {
		t.Errorf("a reader is told %v", err)
	}
	gone(t, path)
}
