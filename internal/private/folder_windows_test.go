package private

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// look is a file's or folder's descriptor, and whether others get in.
func look(t *testing.T, path string) (text string, open bool) {
	t.Helper()
	me, err := self()
	if err != nil {
		t.Fatal(err)
	}
	d, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return d.String(), me.exposed(d, windows.INHERIT_ONLY_ACE)
}

// let lets everybody in.
func let(t *testing.T, path string) {
	t.Helper()
	_, dacl, err := parts("D:P(A;OICI;FA;;;WD)(A;OICI;FA;;;SY)")
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text, open := look(t, path); !open {
		t.Fatalf("it was not opened to all: %s", text)
	}
}

// below is a folder that is closed: in Wine 8 what is above counts even for a list that inherits nothing.
func below(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "closed")
	if err := MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	if text, open := look(t, dir); open {
		t.Fatalf("it was made as %s", text)
	}
	return dir
}

func TestMkdirAllClosesWhatIsThere(t *testing.T) {
	path := filepath.Join(below(t), "folder")
	for _, before := range []string{"nothing", "closed", "open"} {
		if before == "open" {
			let(t, path)
		}
		if err := MkdirAll(path); err != nil {
			t.Fatalf("%s: %v", before, err)
		}
		if text, open := look(t, path); open {
			t.Errorf("%s: %s", before, text)
		}
	}
	if trusted, err := Trusted(path); err != nil || !trusted {
		t.Errorf("%v, %v", trusted, err)
	}
}

// TestMkdirAllFollowsOurLinks: caches may be on another disk, to which a link leads that we have made.
func TestMkdirAllFollowsOurLinks(t *testing.T) {
	dir := below(t)
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(target, 0o700), os.Symlink(target, link)); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Skipf("no links here: %v", err)
	}
	let(t, target)
	if err := MkdirAll(link); err != nil {
		t.Errorf("%v", err)
	}
	if text, open := look(t, target); open {
		t.Errorf("others have what it leads to: %s", text)
	}
}

func TestReadTightensWhatOthersRead(t *testing.T) {
	path := filepath.Join(below(t), "file")
	if err := Write(path, []byte("text")); err != nil {
		t.Fatal(err)
	}
	let(t, path)
	for i, want := range []bool{true, false} {
		data, note, err := Read(path)
		if err != nil || string(data) != "text" || strings.Contains(note, path) != want {
			t.Errorf("%d: %q, note %q, %v", i, data, note, err)
		}
	}
	if text, open := look(t, path); open {
		t.Error(text)
	}
}
