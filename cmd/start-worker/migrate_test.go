package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/runner/moving"
	workerconfig "github.com/workerkit/workerkit/worker/config"
)

// TestOurWorkerKnowsThePublicKeys: what a public worker was given, ours takes.
func TestOurWorkerKnowsThePublicKeys(t *testing.T) {
	ours := map[string]bool{}
	for field := range reflect.TypeFor[workerconfig.Config]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		ours[name] = true
	}
	for _, key := range moving.PublicKeys() {
		if !ours[key] {
			t.Errorf("our worker does not know %s", key)
		}
	}
}

// TestWithEngine: our worker is asked about the engine that is moved over, unless the config names one.
func TestWithEngine(t *testing.T) {
	for _, c := range []struct{ data, version, want string }{
		{`{"a":1}`, "generic-worker (insecure engine) 106.0.0", `{"a":1,"workerkit":{"engine":"insecure"}}`},
		{`{"workerkit":{}}`, "generic-worker (insecure engine) 106.0.0", `{"workerkit":{}}`},
		{`{"a":1}`, "something else", `{"a":1}`},
		{`no config`, "generic-worker (insecure engine) 106.0.0", `no config`},
	} {
		if got := string(withEngine([]byte(c.data), c.version)); got != c.want {
			t.Errorf("%s, %s: %s", c.data, c.version, got)
		}
	}
}

// TestCommandsOfTheGuide: every start-worker command in docs/migrate.md is one, and does what the page
// says: it finds out, and complains about no flag.
func TestCommandsOfTheGuide(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "migrate.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"root/etc/start-worker.yml": "provider: {providerType: aws}\nworker: {implementation: dummy}\n",
		"worker.json":               `{"accessToken": "hidden"}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	there := strings.NewReplacer("/etc/start-worker.yml", filepath.Join(dir, "root/etc/start-worker.yml"),
		"/etc/generic-worker/config", filepath.Join(dir, "worker.json"), "/var/lib/worker", dir)
	ran := 0
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(there.Replace(line))
		if !strings.HasPrefix(line, "start-worker check ") {
			continue
		}
		ran++
		cmd := exec.Command("start-worker", words[1:]...)
		cmd.Env = append(os.Environ(), placesEnv+"="+dir)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the machine is not in order, which is said on standard output
		if stderr.Len() > 0 || stdout.Len() == 0 || strings.Contains(stdout.String(), "hidden") {
			t.Errorf("%s\n%s%s", line, stdout.String(), stderr.String())
		}
	}
	if ran < 6 {
		t.Errorf("%d commands: the test looks in the wrong place", ran)
	}
}
