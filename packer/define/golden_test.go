package define_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/workerkit/workerkit/packer/define"
)

var update = flag.Bool("update", false, "write what is found into the golden files")

// TestErrors reads definitions that are wrong; the part want of each archive is what Load says.
func TestErrors(t *testing.T) {
	names, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(names) < 10 {
		t.Fatalf("found %d archives: %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			golden, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			options, want := unpack(t, archive)
			_, err = define.Load("images", options)
			if _, ok := errors.AsType[*define.Error](err); !ok {
				t.Fatalf("got %T: %v", err, err)
			}
			got := err.Error() + "\n"
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is shown:\n%s", got)
			}
			if *update {
				last := &archive.Files[len(archive.Files)-1]
				last.Data = []byte(got)
				if err := os.WriteFile(golden, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// unpack writes the files of an archive into a folder, where the test goes on.
func unpack(t *testing.T, archive *txtar.Archive) (options define.Options, want string) {
	t.Helper()
	t.Chdir(t.TempDir())
	environment := map[string]string{}
	options.LookupEnv = func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
	for _, f := range archive.Files {
		switch f.Name {
		case "want":
			want = string(f.Data)
		case "options":
			for line := range strings.Lines(string(f.Data)) {
				kind, value, _ := strings.Cut(strings.TrimSpace(line), " ")
				switch kind {
				case "var":
					options.Vars = append(options.Vars, value)
				case "file":
					options.VarFiles = append(options.VarFiles, value)
				case "env":
					name, value, _ := strings.Cut(value, "=")
					environment[name] = value
				}
			}
		default:
			write(t, f.Name, string(f.Data))
		}
	}
	return options, want
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
