package config_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/policy"
)

// write puts files into the test's own working directory.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestProbesEndTogether: all are asked at once, and one that never answers does not add up with
// others.
func TestProbesEndTogether(t *testing.T) {
	write(t, map[string]string{"runner.yml": "worker: {implementation: dummy}\n"})
	synctest.Test(t, func(t *testing.T) {
		o := options(".")
		silent := func(ctx context.Context, _ providers.Values, _ providers.Deps) error {
			<-ctx.Done()
			return ctx.Err()
		}
		o.Kinds = []providers.Kind{{Name: "one", Probe: silent}, {Name: "two", Probe: silent}, {Name: "three"}}
		begin := time.Now()
		_, _, err := config.Load(t.Context(), "runner.yml", o)
		if took := time.Since(begin); err == nil || took != 2*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// TestProbesWaitForTheNetwork: a machine that boots may be asked where it is before it has one.
func TestProbesWaitForTheNetwork(t *testing.T) {
	write(t, map[string]string{"runner.yml": "worker: {implementation: dummy}\n"})
	for name, up := range map[string]time.Duration{"soon": 4 * time.Second, "never": time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			o, begin := options("."), time.Now()
			o.Kinds = []providers.Kind{{Name: "fog", Probe: func(context.Context, providers.Values, providers.Deps) error {
				if time.Since(begin) < up {
					return fmt.Errorf("probe: %w", os.NewSyscallError("connect", syscall.ENETUNREACH))
				}
				return nil
			}}}
			place, err := config.Detect(t.Context(), o)
			took := time.Since(begin)
			switch {
			case name == "soon" && (err != nil || place.Kind.Name != "fog" || took > up+time.Second):
				t.Errorf("%s: %v, %v after %v", name, place.Kind.Name, err, took)
			case name == "never" && (err == nil || took > 15*time.Second):
				t.Errorf("%s: %v after %v", name, err, took)
			}
		})
	}
}

// TestWhatIsNamedIsNotProbed: nobody is asked when the place is known.
func TestWhatIsNamedIsNotProbed(t *testing.T) {
	for name, text := range map[string]string{"named": "cloud", "by firmware": "auto"} {
		write(t, map[string]string{"runner.yml": "provider: {providerType: " + text + "}\nworker: {implementation: dummy}\n", "vendor": "Cloud Inc."})
		o := options(".")
		for i := range o.Kinds {
			o.Kinds[i].Probe = func(context.Context, providers.Values, providers.Deps) error {
				t.Errorf("%s: %s was asked", name, o.Kinds[i].Name)
				return nil
			}
		}
		if _, _, err := config.Load(t.Context(), "runner.yml", o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLost(t *testing.T) {
	ours := policy.Defaults(policy.Place{})[policy.Lost]
	clouds := policy.Defaults(policy.Place{Ephemeral: true})[policy.Lost]
	for name, c := range map[string]struct {
		vendor, text string
		want         policy.Rule
		hold         string
	}{
		"no file, no cloud":              {"ACME", "", ours, "default-hold"},
		"no file, a cloud":               {"Cloud Inc.", "", clouds, "default-hold"},
		"no YAML, a cloud":               {"Cloud Inc.", "{", clouds, "default-hold"},
		"a cloud by name only":           {"ACME", "provider: {providerType: cloud}", ours, "default-hold"},
		"a cloud":                        {"Cloud Inc.", "provider: {providerType: cloud}", clouds, "default-hold"},
		"a file left in a cloud's image": {"Cloud Inc.", "provider: {file: left.hcl}", clouds, "default-hold"},
		"forced, but wrong":              {"Cloud Inc.", "provider: {file: forced.hcl}", ours, "default-hold"},
		"named static, on a cloud":       {"Cloud Inc.", "provider: {providerType: static, rootURL: 7}", ours, "default-hold"},
		"a typo in the name, no cloud":   {"ACME", "provider: {providerType: amazon}", ours, "default-hold"},
		"a typo in the name, a cloud":    {"Cloud Inc.", "provider: {providerType: amazon}", clouds, "default-hold"},
		"a cloud, with a rule":           {"Cloud Inc.", "policy: {lost: {release: keep, exit: 9}, holdFile: /srv/hold}", policy.Rule{Release: policy.Keep, Hold: clouds.Hold, Exit: 9}, "/srv/hold"},
		"a left file, with a rule":       {"Cloud Inc.", "provider: {file: left.hcl}\npolicy: {lost: {hold: 1m}}", policy.Rule{Release: policy.PowerOff, Hold: time.Minute, Exit: 1}, "default-hold"},
		"not detected, with a rule":      {"ACME", "policy: {lost: {release: powerOff}}", ours, "default-hold"},
		"named static, with a rule too":  {"ACME", "provider: {providerType: static}\npolicy: {lost: {release: powerOff}}", policy.Rule{Release: policy.PowerOff, Exit: 1}, "default-hold"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"vendor": c.vendor, "left.hcl": "provider \"static\" {}", "forced.hcl": "provider \"static\" {\n force = true\n secret = env(\"NOBODY_SETS_THIS\")\n}"}
			if c.text != "" {
				files["runner.yml"] = c.text + "\nworker: {implementation: nothing}\n"
			}
			write(t, files)
			o := options(".")
			loaded, _, err := config.Load(t.Context(), "runner.yml", o)
			if err == nil {
				t.Fatal("the config is fine")
			}
			rule, hold := o.Lost(loaded)
			if diff := cmp.Diff(c.want, rule); diff != "" || hold != c.hold {
				t.Errorf("hold file %s, %s", hold, diff)
			}
		})
	}
}

// TestSettings: every key is shown with its place, and nothing secret.
func TestSettings(t *testing.T) {
	write(t, map[string]string{
		"runner.yml": `worker:
  implementation: generic-worker
  path: ./worker
  configPath: worker.json
  workerkit: {engine: insecure}
workerConfig:
  capacity: 2
  nested: {apiToken: HIDDEN, list: [{password: HIDDEN}]}
policy:
  broken: {release: powerOff}
logging: {implementation: stdio, format: json}
`,
		"default.hcl": `provider "static" {
  root_url       = "https://tc.example.com"
  worker_pool_id = "p/w"
  worker_group   = "g"
  worker_id      = "w"
  secret         = "HIDDEN89012345678901234567890123456789012345"
}
`,
	})
	if err := os.WriteFile("worker", []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load(t.Context(), "runner.yml", options("."))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range c.Settings {
		var b strings.Builder
		show(&b, s.From, true, s.Value)
		key := strings.Join(s.Path, ".")
		if _, twice := got[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		if got[key] = strings.TrimSpace(b.String()); strings.Contains(got[key], hiddenText) {
			t.Errorf("a secret shows: %s: %s", key, got[key])
		}
	}
	for key, want := range map[string]string{
		"provider.providerType":        `the provider file default.hcl is there: "static"`,
		"provider.workerID":            `default.hcl:5: "w"`,
		"provider.providerID":          `default: "static"`,
		"provider.staticSecret":        `default.hcl:6: "[redacted]"`,
		"worker.configPath":            `runner.yml:4: "worker.json"`,
		"worker.workerkit.engine":      `runner.yml:5: "insecure"`,
		"workerConfig.capacity":        `runner.yml:7: 2`,
		"workerConfig.nested.apiToken": `runner.yml:8: "[redacted]"`,
		"workerConfig.nested.list":     `runner.yml:8: [{"password":"[redacted]"}]`,
		"getSecrets":                   `default: true`,
		"logging.format":               `runner.yml:11: "json"`,
		"policy.broken.release":        `runner.yml:10: "powerOff"`,
		"policy.broken.exit":           `default: 1`,
		"policy.crashed.within":        `default: "10m0s"`,
		"notices.finishTasksIfLeft":    `default: "10m0s"`,
		"controlSocket":                `default: "default.sock"`,
	} {
		if got[key] != want {
			t.Errorf("%s: %s, want %s", key, got[key], want)
		}
	}
}
