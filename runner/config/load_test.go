package config_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/standalone"
	"github.com/workerkit/workerkit/providers/static"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/policy"
)

var update = flag.Bool("update", false, "write the want sections of testdata/load anew")

// hiddenText is in the cases wherever something is secret.
const hiddenText = "HIDDEN"

func options(dir string) config.Options {
	cloud := providers.Kind{
		Name: "cloud", Aliases: []string{"sky"}, Ephemeral: true,
		Fields: []providers.Field{
			{Name: "endpoint", HCL: "endpoint", Env: "CLOUD_ENDPOINT", Check: providers.CheckEndpoint},
			{Name: "ipv6", HCL: "ipv6", Type: providers.Flag},
		},
		Matches: func(f providers.Facts) bool { return f.Vendor == "Cloud Inc." },
		Probe:   probe(dir, "cloud"),
		Advice:  []string{"rebalance", "scheduled-maintenance"},
		New:     func(v providers.Values, _ providers.Deps) providers.Provider { return nil },
	}
	fog := providers.Kind{Name: "fog", Ephemeral: true, Probe: probe(dir, "fog")}
	return config.Options{
		Kinds: []providers.Kind{static.Kind(), standalone.Kind(), cloud, fog},
		Facts: func() providers.Facts {
			vendor, _ := os.ReadFile(filepath.Join(dir, "vendor"))
			return providers.Facts{Vendor: strings.TrimSpace(string(vendor)), Product: "Box"}
		},
		Host: config.Host{
			Name:   func() (string, error) { return "build_7.lab.example.com", nil },
			Serial: func() (string, error) { return "", errors.New("no serial number") },
			MAC:    func() (string, error) { return "00-1a-2b-3c-4d-5e", nil },
		},
		ProviderFile: "default.hcl",
		StateFile:    "default-state.json", HoldFile: "default-hold", ControlSocket: "default.sock",
		Getenv: func(name string) string {
			value, _ := os.ReadFile(filepath.Join(dir, name))
			return strings.TrimSpace(string(value))
		},
	}
}

// probe finds a metadata service where a file of its name says so.
func probe(dir, name string) func(context.Context, providers.Values, providers.Deps) error {
	return func(ctx context.Context, _ providers.Values, _ providers.Deps) error {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 2*time.Second {
			return errors.New("a probe must have an end")
		}
		_, err := os.Stat(filepath.Join(dir, "probe-"+name))
		return err
	}
}

// TestLoad runs the cases of testdata/load. A case is files, each after a line "-- name --";
// runner.yml is loaded, and the section want is what Load says: warnings, problems, and what
// came out.
func TestLoad(t *testing.T) {
	cases, err := filepath.Glob("testdata/load/*.txt")
	if err != nil || len(cases) < 10 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(home, path))
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			t.Chdir(t.TempDir())
			t.Setenv("TEST_GROUP", "rack-3")
			for name, text := range sections(string(data)) {
				if name == "want" {
					want = text
					continue
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile("worker", []byte("#!/bin/sh\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			got := load(t)
			if strings.Contains(got, hiddenText) {
				t.Errorf("a secret shows: %s", got)
			}
			if *update {
				before, _, _ := strings.Cut(string(data), "-- want --\n")
				if err := os.WriteFile(filepath.Join(home, path), []byte(before+"-- want --\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// load says what Load says.
func load(t *testing.T) string {
	t.Helper()
	c, warnings, err := config.Load(t.Context(), "runner.yml", options("."))
	var b strings.Builder
	for _, w := range warnings {
		b.WriteString("warning: " + w + "\n")
	}
	if err != nil {
		b.WriteString(err.Error() + "\n")
		return b.String()
	}
	b.WriteString("kind: " + c.Place.Kind.Name + " (" + c.Place.Why + ")\n")
	if c.Place.Kind.Ephemeral {
		show(&b, "endpoint", c.Place.Values.Text("endpoint") != "", c.Place.Values.Text("endpoint"))
		show(&b, "ipv6", c.Place.Values.Flag("ipv6"), true)
	} else {
		id, err := c.Place.Kind.New(c.Place.Values, providers.Deps{}).Identify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("worker: " + strings.Join([]string{id.RootURL, id.ProviderID, id.WorkerPoolID, id.WorkerGroup, id.WorkerID}, " ") + "\n")
		show(&b, "location", len(id.Location) > 1, id.Location)
		show(&b, "metadata", id.Metadata != nil, id.Metadata)
	}
	show(&b, "power off", c.Place.PowerOff, true)
	show(&b, "config", c.WorkerConfig != nil, c.WorkerConfig)
	show(&b, "no secrets", !c.GetSecrets, true)
	show(&b, "state", c.StateFile != "", c.StateFile)
	showChanges(&b, c)
	return b.String()
}

// showChanges says which of the newer keys differ from their defaults.
func showChanges(b *strings.Builder, c config.Config) {
	usual := policy.Defaults(policy.Place{Ephemeral: c.Place.Kind.Ephemeral})
	for _, row := range policy.Rows() {
		show(b, "policy "+string(row), c.Policy[row] != usual[row], fmt.Sprintf("%+v", c.Policy[row]))
	}
	show(b, "hello within", c.HelloWithin != 2*time.Minute, c.HelloWithin.String())
	show(b, "hold file", c.HoldFile != "default-hold", c.HoldFile)
	show(b, "worker's code", c.ExitWithWorkerCode, true)
	show(b, "notices", len(c.Notices.DrainOn) > 0 || c.Notices.FinishTasksIfLeft != 10*time.Minute, fmt.Sprintf("%+v", c.Notices))
	show(b, "socket", c.ControlSocket != "default.sock", c.ControlSocket)
	show(b, "log", c.LogFormat != config.Text, c.LogFormat)
	show(b, "certificates", c.CAFile != "", c.CAFile)
}

func sections(text string) map[string]string {
	found := map[string]string{}
	parts := regexp.MustCompile(`(?m)^-- (.+) --\n`).FindAllStringSubmatchIndex(text, -1)
	for i, p := range parts {
		end := len(text)
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		found[text[p[2]:p[3]]] = text[p[1]:end]
	}
	return found
}

func TestCRLFAndByteOrderMark(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "\ufeffprovider: {providerType: cloud}\r\nworker:\r\n  implementation: dummy\r\nworkerConfig:\r\n  a: b\r\n"
	if err := os.WriteFile("runner.yml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := config.Load(t.Context(), "runner.yml", options("."))
	if err != nil || len(warnings) != 0 || c.WorkerConfig["a"] != "b" {
		t.Errorf("%+v, %v, %v", c.WorkerConfig, warnings, err)
	}
}

func TestLooseFilesAreTightenedWithAWarning(t *testing.T) {
	t.Chdir(t.TempDir())
	files := map[string]string{
		"runner.yml": "provider: {providerType: static}\nworker: {implementation: dummy}\n",
		"default.hcl": `provider "static" {
  root_url       = "https://tc.example.com"
  worker_pool_id = "p/w"
  worker_group   = "g"
  worker_id      = "w"
  secret_file    = "secret"
}`,
		"secret": strings.Repeat("s", 44) + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, warnings, err := config.Load(t.Context(), "runner.yml", options("."))
	if err != nil || len(warnings) != len(files) {
		t.Fatalf("%q, %v", warnings, err)
	}
	for name := range files {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
