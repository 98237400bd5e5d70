package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/packer/ledger"
)

func TestRevision(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	// Nothing of whoever runs the test counts, and no repository above.
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	repository := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(repository))
	folder := filepath.Join(repository, "images")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=n", "-c", "user.email=e"}, args...)...)
		command.Dir = repository
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := revision(t.Context(), folder); got != "" {
		t.Errorf("without a repository: %q", got)
	}
	git("init", "--quiet")
	if got := revision(t.Context(), folder); got != "" {
		t.Errorf("without a commit: %q", got)
	}
	write("a.hcl", "")
	git("add", ".")
	git("commit", "--quiet", "-m", "m")
	clean := revision(t.Context(), folder)
	if len(clean) != 40 {
		t.Errorf("got %q", clean)
	}
	write(ledger.FileName, "{}")
	write("."+ledger.FileName+".lock", "")
	if err := os.WriteFile(filepath.Join(repository, "elsewhere"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := revision(t.Context(), folder); got != clean {
		t.Errorf("the ledger, or a file elsewhere, counts: %q", got)
	}
	write("a.hcl", "# changed")
	if got := revision(t.Context(), folder); got != clean+"-dirty" {
		t.Errorf("changed: %q", got)
	}
}
