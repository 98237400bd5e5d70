package moving_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/aws"
	"github.com/workerkit/workerkit/providers/gcp"
	"github.com/workerkit/workerkit/providers/standalone"
	"github.com/workerkit/workerkit/providers/static"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/moving"
)

//nolint:gochecknoglobals // a flag of the test
var update = flag.Bool("update", false, "write what is wanted into testdata and docs/migrate.md")

// tree is a machine in a folder.
type tree struct {
	archive *txtar.Archive
	about   map[string]string // the lines at the top
	machine moving.Machine
}

// plant makes the machine of an archive and finds out about it as start-worker check does.
func plant(t *testing.T, path string) tree {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root, about := t.TempDir(), map[string]string{}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		about[key] = strings.TrimSpace(value)
	}
	for _, f := range archive.Files {
		name := filepath.Join(root, filepath.FromSlash(f.Name))
		mode := os.FileMode(0o600)
		if f.Name == "etc/generic-worker/config" {
			mode = 0o644
		}
		if bytes.HasPrefix(f.Data, []byte("#!")) {
			mode = 0o700
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	system := about["system"]
	m := moving.Machine{OS: system, Root: root, Services: moving.Services(system, root, nil), WorkerVersion: about["version"], Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
	m.Ours = strings.HasSuffix(m.WorkerVersion, " workerkit")
	if m.RunnerFile = moving.FindRunner(system, root, m.Services); m.RunnerFile != "" {
		m.Config = loaded(t, root, m.RunnerFile)
		m.WorkerFile, m.WorkerPath = m.Config.Worker.ConfigPath, m.Config.Worker.Path
	} else {
		m.WorkerFile, m.WorkerPath = moving.FindWorker(system, root, m.Services), moving.FindProgram(system, m.Services)
	}
	if m.Dir = about["dir"]; m.Dir == "" {
		m.Dir = moving.FindDir(system, root, m.WorkerFile, m.Services)
	}
	return tree{archive, about, m}
}

// loaded is what config.Load would read on that machine.
func loaded(t *testing.T, root, path string) (c config.Config) {
	t.Helper()
	data, err := os.ReadFile(moving.Under(root, path))
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := yaml.Unmarshal(data, &top); err != nil {
		t.Fatal(err)
	}
	worker, _ := top["worker"].(map[string]any)
	c.Worker.Path, _ = worker["path"].(string)
	c.Worker.ConfigPath, _ = worker["configPath"].(string)
	if c.StateFile, _ = top["cacheOverRestarts"].(string); top["cacheOverRestarts"] == true {
		c.StateFile = "/default-state.json"
	}
	place, _ := top["provider"].(map[string]any)
	name, _ := place["providerType"].(string)
	if text, err := os.ReadFile(filepath.Join(root, "place")); err == nil {
		name = strings.TrimSpace(string(text))
	}
	for _, k := range []providers.Kind{aws.Kind(), gcp.Kind(), static.Kind(), standalone.Kind()} {
		if k.Name == name {
			c.Place.Kind = k
		}
	}
	return c
}

func text(r moving.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "blocked %v\n", r.Blocked())
	known := map[string]bool{}
	for _, d := range moving.Differences() {
		known[d.Topic] = true
	}
	for _, f := range r.Findings {
		if f.Effect == moving.Differs && known[f.Of] { // the table has it
			fmt.Fprintf(&b, "differs %s\n", f.Of)
			continue
		}
		fmt.Fprintf(&b, "%s %s: %s\n", f.Effect, f.Of, f.Detail)
		if f.Next != "" {
			fmt.Fprintf(&b, "  -> %s\n", f.Next)
		}
	}
	return b.String()
}

// TestMachines: what is said of each machine in testdata, for both directions, is what is written
// beneath it; and no secret is in it.
func TestMachines(t *testing.T) {
	found, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(found) < 5 {
		t.Fatalf("%d machines, %v", len(found), err)
	}
	for _, path := range found {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			m := plant(t, path)
			for name, report := range map[string]moving.Report{"over": moving.Over(m.machine), "back": moving.Back(m.machine)} {
				got, golden := text(report), strings.TrimSuffix(path, ".txtar")+"."+name
				if strings.Contains(got, "SEKRIT") || strings.Contains(fmt.Sprint(report), "SEKRIT") {
					t.Errorf("a secret is shown:\n%s", got)
				}
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s:\n%s", name, diff)
				}
			}
		})
	}
}
