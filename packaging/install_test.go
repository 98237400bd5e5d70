package packaging_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/static"
	"github.com/workerkit/workerkit/runner/config"
)

// guide is the page that says how to install, and its blocks of text.
func guide(t *testing.T) (page string, blocks []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash("../docs/install.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(data), "```") {
		if text, ok := strings.CutPrefix(part, "text\n"); ok && i%2 == 1 {
			blocks = append(blocks, text)
		}
	}
	return string(data), blocks
}

// TestGuideHasOurFiles: what it copies is there, and goes where it is looked for.
func TestGuideHasOurFiles(t *testing.T) {
	_, blocks := guide(t)
	copied := 0
	for line := range strings.Lines(strings.Join(blocks, "")) {
		for word := range strings.FieldsSeq(line) {
			name, ok := strings.CutPrefix(word, "packaging/")
			if !ok {
				continue
			}
			copied++
			folder := "freebsd"
			if strings.HasPrefix(line, "sudo ") {
				folder = "macos"
			}
			if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name))); err != nil {
				t.Errorf("%s%v", line, err)
			}
		}
	}
	if copied == 0 {
		t.Error("it copies nothing")
	}
	page, _ := guide(t)
	for file, paths := range map[string][]string{
		"macos/org.workerkit.start-worker.plist": {"/usr/local/bin", "/etc/start-worker.yml", "/var/lib/generic-worker", "/var/log/start-worker.log"},
		"freebsd/rc.d/start_worker":              {"/usr/local/bin", "/usr/local/etc/start-worker.yml", "/var/db/generic-worker", "/var/log/start-worker.log", "start_worker_config", "start_worker_binary", "start_worker_dir", "start_worker_log"},
	} {
		data, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if !strings.Contains(string(data), path) || !strings.Contains(page, path) {
				t.Errorf("%s is not in both %s and the guide", path, file)
			}
		}
	}
}

// TestGuideOfWindows: its configuration is read, on a machine that has the files that it names.
func TestGuideOfWindows(t *testing.T) {
	_, blocks := guide(t)
	text := ""
	for _, b := range blocks {
		if strings.HasPrefix(b, "provider:") {
			text += b
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text = strings.NewReplacer(`C:\generic-worker\generic-worker.exe`, program, `C:\worker-runner\`, dir+"/").Replace(text)
	for name, content := range map[string]string{"runner.yml": text, "secret": strings.Repeat("s", 44)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, warnings, err := config.Load(t.Context(), filepath.Join(dir, "runner.yml"), config.Options{
		Kinds:        []providers.Kind{static.Kind()},
		Facts:        func() providers.Facts { return providers.Facts{} },
		ProviderFile: filepath.Join(dir, "provider.hcl"),
		StateFile:    filepath.Join(dir, "other.json"),
	})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("%v, warnings %v", err, warnings)
	}
	if c.Worker.Path != program || c.Worker.ConfigPath != filepath.Join(dir, "worker.json") {
		t.Errorf("the worker is %+v", c.Worker)
	}
}
