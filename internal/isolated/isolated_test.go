package isolated

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommand changes what an account would, and looks for it outside.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a-file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile("/etc/passwd")
	cmd, err := Command("/bin/sh", []string{file}, "-c",
		`cat /home/bin/"$0"; echo; echo more >> /etc/passwd; useradd -m isolated_1 && ls -d /home/isolated_1; echo $$; ls -A /tmp`, "a-file")
	if err != nil {
		t.Skip(err)
	}
	out, err := cmd.CombinedOutput()
	if got, want := string(out), "text\n/home/isolated_1\n1\n"; err != nil || got != want {
		t.Errorf("%v:\n%s, want\n%s", err, got, want)
	}
	after, _ := os.ReadFile("/etc/passwd")
	if string(before) != string(after) || strings.Contains(string(after), "isolated_1") {
		t.Error("the machine's accounts have changed")
	}
	if _, err := os.Stat("/home/isolated_1"); err == nil {
		t.Error("the machine has a new home directory")
	}
	if Entered() {
		t.Error("this is not inside")
	}
}
