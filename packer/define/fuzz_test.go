package define_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/workerkit/workerkit/packer/define"
)

// FuzzLoad: whatever a file holds, there are images or an error that names it, and no panic.
func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(archive.Files[0].Data))
	}
	definitions, err := filepath.Glob("../../images/*.hcl")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range definitions {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "format") || strings.Contains(text, "indent") {
			t.Skip("their width may be anything, also more than there is memory")
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		images, err := define.Load(dir, define.Options{})
		if err == nil {
			for _, i := range images {
				if i.Name == "" || i.OS == "" || i.Arch == "" || len(i.Targets) == 0 || len(i.Targets) != len(i.Bases) {
					t.Errorf("incomplete: %+v", i)
				}
			}
			return
		}
		if wrong, ok := errors.AsType[*define.Error](err); !ok || err.Error() == "" || len(wrong.Problems) == 0 {
			t.Errorf("got %T: %v", err, err)
		}
	})
}
