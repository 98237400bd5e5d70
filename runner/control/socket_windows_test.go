package control

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// letsAllIn tells whether everybody may look into a folder.
func letsAllIn(t *testing.T, path string) bool {
	t.Helper()
	d, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(d.String(), ";;;WD)") || strings.Contains(d.String(), ";;;BU)")
}

// TestMakeOwn: the folder that is made is ours alone, and so is the usual one; another one is not closed.
func TestMakeOwn(t *testing.T) {
	above := filepath.Join(t.TempDir(), "closed") // in Wine 8 what is above counts whatever a list says
	if err := makeOwn(above, ""); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ there, usual, open bool }{
		"new":         {},
		"new, usual":  {usual: true},
		"there":       {there: true, open: true},
		"there, ours": {there: true, usual: true},
	} {
		dir := filepath.Join(above, name)
		usual := `C:\ProgramData\other`
		if c.usual {
			usual = strings.ToUpper(dir)
		}
		if c.there {
			everybody, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;WD)")
			if err != nil {
				t.Fatal(err)
			}
			dacl, _, err := everybody.DACL()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, dacl, nil); err != nil {
				t.Fatal(err)
			}
			if !letsAllIn(t, dir) {
				t.Fatal("it was not opened to all")
			}
		}
		if err := makeOwn(dir, usual); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if letsAllIn(t, dir) != c.open {
			t.Errorf("%s: open to all: %v", name, !c.open)
		}
	}
}
