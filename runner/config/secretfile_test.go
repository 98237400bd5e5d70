package config_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/runner/config"
)

// TestFileOfASecret: file() takes as much care of a secret as secret_file does.
func TestFileOfASecret(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this test looks at the modes of files")
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"runner.yml": "provider: {providerType: static, file: p.hcl}\nworker: {implementation: dummy}\n",
		"p.hcl": `provider "static" {
  root_url = "https://tc.example.com"
  worker_pool_id = "proj/linux"
  worker_group = file("group")
  worker_id = "w"
  secret = "${file("token")}"
}`,
		"group": "rack-3\n", "token": strings.Repeat("HIDDEN", 8)[:44] + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"group", "token"} {
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, warnings, err := config.Load(t.Context(), "runner.yml", options("."))
	if text := strings.Join(warnings, "\n"); err != nil || strings.Count(text, "token had mode 0644") != 1 || strings.Contains(text, "group") || strings.Contains(text, "HIDDEN") {
		t.Errorf("%v, warnings %s", err, text)
	}
	for name, want := range map[string]os.FileMode{"group": 0o644, "token": 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
