package moving_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/runner/moving"
)

// TestRelativePaths count from the working directory, else from the current one; nobody is told to write to the
// root of the file system.
func TestRelativePaths(t *testing.T) {
	for name, c := range map[string]struct {
		dir, here, file string
		of, next        string
	}{
		"a known folder":    {"/srv/worker", "/home/me", "key", "/srv/worker/key", "generic-worker new-ed25519-keypair --file /srv/worker/key"},
		"with a dot":        {"/srv/worker", "/home/me", "./key", "/srv/worker/key", "generic-worker new-ed25519-keypair --file /srv/worker/key"},
		"an unknown folder": {"", "/home/me", "key", "/home/me/key", "--file with a whole path"},
		"nothing is known":  {"", "", "key", "key", "--file with a whole path"},
		"the root":          {"/", "/home/me", "key", "/key", "--file with a whole path"},
		"a whole path":      {"/", "/home/me", "/etc/key", "/etc/key", "generic-worker new-ed25519-keypair --file /etc/key"},
	} {
		t.Run(name, func(t *testing.T) {
			m := moving.Machine{OS: "linux", Root: t.TempDir(), Dir: c.dir, Here: c.here, WorkerFile: "/worker.json"}
			text := `{"ed25519SigningKeyLocation": "` + c.file + `"}`
			if err := os.WriteFile(filepath.Join(m.Root, "worker.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, r := range []moving.Report{moving.Over(m), moving.Back(m)} {
				if !slices.ContainsFunc(r.Findings, func(f moving.Finding) bool {
					return f.Of == c.of && f.Effect == moving.Blocks && strings.Contains(f.Next, c.next)
				}) {
					t.Errorf("%+v", r.Findings)
				}
			}
		})
	}
}

// TestSettle: the runner config's own paths count from there too.
func TestSettle(t *testing.T) {
	m := moving.Machine{OS: "linux", Dir: "/srv/worker"}
	m.Config.Worker.ConfigPath, m.Config.StateFile = "./worker.json", "state.json"
	m.Settle()
	if m.WorkerFile != "/srv/worker/worker.json" || m.Config.StateFile != "/srv/worker/state.json" {
		t.Errorf("%s, %s", m.WorkerFile, m.Config.StateFile)
	}
	m.WorkerFile, m.Config.StateFile = "/named", ""
	m.Settle()
	if m.WorkerFile != "/named" || m.Config.StateFile != "" {
		t.Errorf("%s, %s", m.WorkerFile, m.Config.StateFile)
	}
}
