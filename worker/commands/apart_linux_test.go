package commands

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
)

// TestLookVerb is the other process in the tests of apart, and nothing by itself.
func TestLookVerb(t *testing.T) {
	at := slices.Index(os.Args, "--what")
	if at < 0 {
		t.Skip("it is a part of TestApart")
	}
	if l := slices.Index(os.Args, "--lie"); l >= 0 {
		lie(os.Args[l+1])
	}
	text, err := Look(os.Args[at+1], os.Args[at+3])
	if err != nil {
		t.Fatal(err)
	}
	fmt.Print(text)
	os.Exit(0) //nolint:forbidigo // before the test program prints
}

// another are the eyes of another process, as this user, or as nobody where root runs the tests.
func another(t *testing.T) apart {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return apart{program: []string{self, "-test.run=^TestLookVerb$", "--"}}
}

func TestApart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sub", "file")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("text"), 0o600), os.Symlink("sub", filepath.Join(dir, "link")),
		unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	a := another(t)
	opened, err := a.open(t.Context(), filepath.Join(dir, "link", "file"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(opened); err != nil || string(text) != "text" {
		t.Errorf("read %q, %v", text, err)
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]error{"none": fs.ErrNotExist, "pipe": engines.ErrWrongKind, "sub": engines.ErrWrongKind, "sub/file/x": unix.ENOTDIR} {
		if _, err := a.open(t.Context(), filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	root, found, err := a.list(t.Context(), filepath.Join(dir, "link"))
	if err != nil || root != filepath.Join(dir, "sub") || !slices.Equal(found, []string{"file"}) {
		t.Errorf("found %q in %q, %v", found, root, err)
	}
	if _, _, err := a.list(t.Context(), file); !errors.Is(err, engines.ErrWrongKind) {
		t.Errorf("a file is listed: %v", err)
	}
	if _, _, err := a.ask(t.Context(), "nonsense", dir); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("nonsense: %v", err)
	}
}

// forOthers is a folder that others can enter, and the other process's program in it.
func forOthers(t *testing.T) (dir string, a apart) {
	t.Helper()
	dir, err := os.MkdirTemp("", "apart")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	a = another(t)
	a.program[0] = filepath.Join(dir, "program")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(a.program[0], self, 0o755)); err != nil { //nolint:gosec // for others
		t.Fatal(err)
	}
	return dir, a
}

// TestApartRights: what the user cannot read is not read, and what it says is not believed.
func TestApartRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can look as another user: run the tests as root")
	}
	dir, a := forOthers(t)
	program, secret := a.program[0], filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	a.user = &proc.User{UID: nobody, GID: nobody}
	if _, err := a.open(t.Context(), secret); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file of root's: %v", err)
	}
	if _, err := a.open(t.Context(), program); err != nil {
		t.Errorf("a file that everybody may read: %v", err)
	}
	for text, want := range map[string]string{
		"echo '{}'":          "",
		"echo no":            "look at",
		"exit 3":             "exit status 3",
		"yes":                "look at",
		`echo '{"errno":2}'`: "no such file",
	} {
		liar := apart{program: []string{"/bin/sh", "-c", text}, user: a.user}
		if file, err := liar.open(t.Context(), secret); err == nil || file != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
