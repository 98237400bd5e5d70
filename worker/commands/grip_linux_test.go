package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/commands/mounts"
)

// TestApartHands: what another process makes is what this one would have made.
func TestApartHands(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/empty", 0o700), os.MkdirAll(dir+"/full/x", 0o700), os.WriteFile(dir+"/file", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	a := another(t)
	for name, c := range map[string]struct {
		path   string
		folder bool
		made   int
		want   error
	}{
		"a folder":       {path: "new/one/v", folder: true, made: 2},
		"a file":         {path: "f"},
		"an empty one":   {path: "empty", folder: true},
		"a full one":     {path: "full", folder: true, want: mounts.ErrTaken},
		"a file's place": {path: "file", folder: true, want: mounts.ErrTaken},
		"below a file":   {path: "file/x", want: unix.ENOTDIR},
	} {
		way, err := a.Reserve(t.Context(), filepath.Join(dir, c.path), c.folder)
		if !errors.Is(err, c.want) || len(way.Made) != c.made {
			t.Errorf("%s: made %q, %v, want %v", name, way.Made, err, c.want)
			continue
		}
		if err != nil {
			continue
		}
		if info, err := os.Lstat(filepath.Join(way.Path, filepath.Base(c.path))); err != nil || info.IsDir() != c.folder || way.Dir.Close() != nil {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := a.RemoveEmpty(t.Context(), dir+"/full"); err == nil {
		t.Error("a full folder was removed")
	}
	if err := errors.Join(a.RemoveEmpty(t.Context(), dir+"/empty"), a.Remove(t.Context(), nil, dir+"/full")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"empty", "full"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

// TestHostileHands: a task that has the other process in its hands gets nothing that the task could not have made.
func TestHostileHands(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can work as another user: run the tests as root")
	}
	const nobody = 65534
	dir, a := forOthers(t)
	a.user = &proc.User{UID: nobody, GID: nobody}
	own, roots := filepath.Join(dir, "own"), filepath.Join(dir, "roots")
	if err := errors.Join(os.Mkdir(own, 0o755), os.Chown(own, nobody, nobody), os.MkdirAll(roots+"/v", 0o755), os.WriteFile(roots+"/passwd", nil, 0o600)); err != nil { //nolint:gosec // for others
		t.Fatal(err)
	}
	if _, err := a.Reserve(t.Context(), roots+"/new", true); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a folder in root's: %v", err)
	}
	if err := a.Remove(t.Context(), nil, roots+"/v"); err == nil {
		t.Error("a folder in root's was removed")
	}
	way, err := a.Reserve(t.Context(), own+"/v", true)
	if err != nil || way.Dir.Close() != nil {
		t.Fatal(err)
	}
	for name, folder := range map[string]bool{"v": true, "passwd": false} {
		liar := a
		liar.program = append(append([]string{}, a.program...), "--lie", roots)
		if way, err := liar.Reserve(t.Context(), filepath.Join(own, name), folder); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("root's %s is taken for the task's: %v, %v", name, way, err)
		}
	}
}

// lie passes on a directory that is another one.
func lie(dir string) {
	file, err := os.Open(dir)
	if err == nil {
		err = pass(file)
	}
	fmt.Printf(`{"root":%q,"text":%q}`, dir, errorText(err))
	os.Exit(0) //nolint:forbidigo // before the test program prints
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
