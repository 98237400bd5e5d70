package wine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	if got := Path("/a/b c"); got != `Z:\a\b c` {
		t.Errorf("got %s", got)
	}
}

// TestOverlay: Go as it is installed here can still be changed, and only one file of it is.
func TestOverlay(t *testing.T) {
	list, err := Overlay(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	data, err := os.ReadFile(list)
	if err != nil || json.Unmarshal(data, &overlay) != nil || len(overlay.Replace) != 1 {
		t.Fatalf("%s, %v", data, err)
	}
	for original, changed := range overlay.Replace {
		was, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		is, err := os.ReadFile(changed)
		if err != nil {
			t.Fatal(err)
		}
		if more := len(is) - len(was); more <= 0 || more > 60 {
			t.Errorf("%d characters more", more)
		}
	}
}

// TestCopyTree: a copy shares Windows' own files with its model, and nothing else.
func TestCopyTree(t *testing.T) {
	if filepath.Separator != '/' {
		t.Skip("Wine is for Unix")
	}
	from, to := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"drive_c/windows/system32/x.dll": "library", "system.reg": "registry"} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("drive_c", filepath.Join(from, "c:")); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}
	for name, shared := range map[string]bool{"c:/windows/system32/x.dll": true, "system.reg": false} {
		a, err := os.Stat(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.Stat(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		if os.SameFile(a, b) != shared {
			t.Errorf("%s is shared: %v", name, !shared)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if got := strings.Join(Missing(), " "); !strings.Contains(got, "wine64") || !strings.Contains(got, "mingw") {
		t.Errorf("missing are %q", got)
	}
}
