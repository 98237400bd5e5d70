//go:build unix

package private_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/private"
)

// TestMain makes a folder when it is told to by a test.
func TestMain(m *testing.M) {
	if path := os.Getenv("PRIVATE_MKDIRALL"); path != "" {
		if err := private.MkdirAll(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestMkdirAllOfRoot: a folder that root has made for a group is used by one of it as it is; what is open to
// everybody, or anybody else's, is not.
func TestMkdirAllOfRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make what is root's")
	}
	const nobody, other = 65534, 65533
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "private-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program, text := filepath.Join(dir, "program"), []byte(nil)
	if text, err = os.ReadFile(self); err == nil {
		err = errors.Join(os.WriteFile(program, text, 0o600), os.Chmod(program, 0o755), os.Chmod(dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		owner int
		mode  os.FileMode
		fine  bool
	}{{0, 0o770, true}, {0, 0o775, false}, {0, 0o777, false}, {other, 0o770, false}} {
		folder := filepath.Join(dir, strconv.Itoa(i))
		if err := errors.Join(os.Mkdir(folder, 0o700), os.Chmod(folder, c.mode), os.Chown(folder, c.owner, nobody)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = []string{"PRIVATE_MKDIRALL=" + folder}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if out, err := cmd.CombinedOutput(); (err == nil) != c.fine {
			t.Errorf("%+v: %v: %s", c, err, out)
		}
		if got := mode(t, folder); got != c.mode {
			t.Errorf("%+v: it has mode %s", c, got)
		}
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func write(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadTightensOurOwn(t *testing.T) {
	for from, want := range map[os.FileMode]os.FileMode{
		0o666: 0o600, 0o644: 0o600, 0o640: 0o600, 0o601: 0o600, // loose
		0o600: 0o600, 0o400: 0o400, 0o500: 0o500, 0o700: 0o700, // never widened
	} {
		path := write(t, "config", "text", from)
		data, note, err := private.Read(path)
		if err != nil || string(data) != "text" {
			t.Fatalf("%04o: %q, %v", from, data, err)
		}
		if got := mode(t, path); got != want {
			t.Errorf("%04o became %04o, want %04o", from, got, want)
		}
		if told := strings.Contains(note, path); told != (from != want) {
			t.Errorf("%04o: note %q", from, note)
		}
	}
}

func TestReadRefusesFilesOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file that belongs to somebody else")
	}
	for _, loose := range []os.FileMode{0o644, 0o600} {
		path := write(t, "config", "text", loose)
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, _, err := private.Read(path); !errors.Is(err, private.ErrExposed) {
			t.Errorf("%04o: %v", loose, err)
		}
		if mode(t, path) != loose {
			t.Errorf("the mode of somebody else's file was changed")
		}
	}
}

func TestReadAndSymlinks(t *testing.T) {
	path := write(t, "config", "text", 0o600)
	link, chain := path+".link", path+".chain"
	for from, to := range map[string]string{link: filepath.Base(path), chain: link} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() != 0 {
		if _, _, err := private.Read(link); !errors.Is(err, private.ErrSymlink) {
			t.Errorf("a link of ours: %v", err)
		}
		return
	}
	if data, _, err := private.Read(chain); err != nil || string(data) != "text" {
		t.Errorf("links of root: %q, %v", data, err)
	}
	if err := os.Lchown(link, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, _, err := private.Read(chain); !errors.Is(err, private.ErrSymlink) {
		t.Errorf("a link of somebody else behind one of root's: %v", err)
	}
	if err := os.Remove(path + ".chain"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(chain, chain); err != nil {
		t.Fatal(err)
	}
	if _, _, err := private.Read(chain); err == nil {
		t.Error("a link to itself was read")
	}
}

func TestReadDoesNotHangOnPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := private.Read(path); err == nil || !strings.Contains(err.Error(), "pipe") {
		t.Fatalf("got %v", err)
	}
}

func TestWriteDoesNotFollowLinksAndFixesModes(t *testing.T) {
	victim := write(t, "victim", "precious", 0o644)
	link := victim + ".json"
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	loose := write(t, "config", "old", 0o666)
	for _, path := range []string{link, loose} {
		if err := private.WriteFast(path, []byte("secret")); err != nil {
			t.Fatal(err)
		}
		if got := mode(t, path); got != 0o600 {
			t.Errorf("%s has mode %04o", path, got)
		}
	}
	if data, err := os.ReadFile(victim); err != nil || string(data) != "precious" {
		t.Errorf("the link's target now holds %q, %v", data, err)
	}
}

func TestMkdirAllAndModes(t *testing.T) {
	above := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(above, "c")
	for _, loose := range []os.FileMode{0, 0o755, 0o770, 0o500} {
		if loose != 0 {
			if err := os.Chmod(path, loose); err != nil {
				t.Fatal(err)
			}
		}
		if err := private.MkdirAll(path + "/"); err != nil {
			t.Fatal(err)
		}
		if got := mode(t, path); got != 0o700 {
			t.Errorf("%04o became %04o", loose, got)
		}
	}
	if got := mode(t, above); got&0o055 != 0o055 {
		t.Errorf("the folder above, where others' may be, has mode %04o", got)
	}
	link := filepath.Join(above, "link")
	if err := errors.Join(os.Symlink(path, link), private.MkdirAll(link)); err != nil {
		t.Errorf("a link to a folder on another disk: %v", err)
	}
}

func TestTrusted(t *testing.T) {
	path := write(t, "hold", "", 0o600)
	if trusted, err := private.Trusted(path); err != nil || !trusted {
		t.Errorf("ours: %v, %v", trusted, err)
	}
	if trusted, err := private.Trusted("/"); err != nil || !trusted {
		t.Errorf("root's: %v, %v", trusted, err)
	}
	if trusted, err := private.Trusted(path + ".not"); trusted || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v, %v", trusted, err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file that belongs to somebody else")
	}
	link := path + ".link"
	if err := errors.Join(os.Symlink(path, link), os.Lchown(link, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if trusted, err := private.Trusted(link); err != nil || trusted {
		t.Errorf("somebody else's link to ours: %v, %v", trusted, err)
	}
}
