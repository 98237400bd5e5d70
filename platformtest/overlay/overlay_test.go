package overlay_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/platformtest/overlay"
)

// TestWrite: a program that is built with the list has what was changed, and one without has not.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	list, err := overlay.Write(t.Context(), dir, overlay.Change{
		File: "errors/errors.go", Was: "func New(text string) error {\n", Is: "func New(text string) error {\n\ttext = also(text)\n",
		Beside: "package errors\n\nfunc also(text string) string { return text + \", changed\" }\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program.go")
	if err := os.WriteFile(program, []byte("package main\n\nimport \"errors\"\n\nfunc main() { print(errors.New(\"text\").Error()) }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{"text": {"run", program}, "text, changed": {"run", "-overlay", list, program}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), "GOFLAGS=") // such as -cover, of which this program says things
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("go %v: %q, %v; want %q", args, out, err, want)
		}
	}
}

// TestPlaceThatIsGone: a Go that is not as it was is not changed at random.
func TestPlaceThatIsGone(t *testing.T) {
	for _, was := range []string{"there is no such text", "return"} {
		dir := t.TempDir()
		if _, err := overlay.Write(t.Context(), dir, overlay.Change{File: "errors/errors.go", Was: was}); err == nil {
			t.Errorf("%q was changed", was)
		}
	}
	if _, err := overlay.Write(t.Context(), t.TempDir(), overlay.Change{File: "errors/none.go"}); err == nil {
		t.Error("a file that is not there was changed")
	}
}
