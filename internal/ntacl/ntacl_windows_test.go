package ntacl_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/ntacl"
)

// A tree is given to somebody whole, and can be read and removed still by who gave it.
func TestGiveTree(t *testing.T) {
	own, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	sid := own.User.Sid.String()
	dir := t.TempDir()
	below := filepath.Join(dir, "folder", "file")
	if err := os.Mkdir(filepath.Dir(below), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(below, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ntacl.GiveTree(t.Context(), dir, sid); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Dir(below), below} {
		descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
		if err != nil {
			t.Fatal(err)
		}
		if text := descriptor.String(); !strings.HasPrefix(text, "O:"+sid) || ntacl.Others(text) {
			t.Errorf("%s: %s", path, text)
		}
	}
	if text, err := os.ReadFile(below); string(text) != "text" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := ntacl.Give(filepath.Join(dir, "nothing"), sid); err == nil {
		t.Error("what is not there was given away")
	}
}
