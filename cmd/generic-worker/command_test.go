package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/worker/config"
)

// off is a machine that notes when it is shut down.
type off struct{ whys []string }

func (o *off) powerOff(why string) error {
	o.whys = append(o.whys, why)
	return nil
}

// call runs the program in this process.
func call(o *off, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = command(append([]string{"generic-worker-insecure"}, args...), &out, &errs, power{off: o.powerOff, reboot: o.powerOff})
	return code, out.String(), errs.String()
}

func TestCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"", exitUsage, "", "Usage:"},
		{"--help", 0, "Usage:", ""},
		{"-h", 0, "Usage:", ""},
		{"help", 0, "Usage:", ""},
		{"run --help", 0, "Usage:", ""},
		{"install service -h", 0, "Usage:", ""},
		{"--version", 0, "generic-worker (insecure engine) " + version.String() + " workerkit", ""},
		{"--short-version", 0, version.String() + "\n", ""},
		{"dance", exitUsage, "", "there is no command dance"},
		{"run --no-such-flag", exitUsage, "", "no-such-flag"},
		{"run more", exitUsage, "", "Usage:"},
		{"run", exitUnreadable, "", "generic-worker.config"},
		{"run --with-worker-runner --worker-runner-protocol-pipe nowhere", exitProtocolPipe, "", "runner"},
		{"new-ed25519-keypair", exitUsage, "", "Usage:"},
		{"new-ed25519-keypair --file no/such/folder", exitKeyPair, "", "key pair"},
		{"status", 0, `{"currentTaskIds":[]}`, ""},
		{"status more", exitUsage, "", "Usage:"},
		{"show-payload-schema --engine x", exitUsage, "", "engine"},
		{"show-payload-schema", 0, `"$schema": "http://json-schema.org/draft-07/schema#"`, ""},
	} {
		o := &off{}
		code, stdout, stderr := call(o, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || len(o.whys) > 0 {
			t.Errorf("%q: code %d\nstdout %s\nstderr %s\nshutdown %v", c.args, code, stdout, stderr, o.whys)
		}
		if (c.stdout == "") != (stdout == "") || (c.stderr == "") != (stderr == "") {
			t.Errorf("%q: stdout %q, stderr %q", c.args, stdout, stderr)
		}
	}
}

func TestKeyPair(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	code, stdout, _ := call(&off{}, "new-ed25519-keypair", "--file", path)
	text, err := os.ReadFile(path)
	if code != 0 || err != nil {
		t.Fatal(code, err)
	}
	seed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil || len(seed) != ed25519.SeedSize {
		t.Fatalf("%d bytes, %v", len(seed), err)
	}
	public, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ok || base64.StdEncoding.EncodeToString(public) != stdout {
		t.Errorf("the public key is not %q", stdout)
	}
}

// TestPowerOff: the machine goes only when its configuration says so.
func TestPowerOff(t *testing.T) {
	for name, c := range map[string]struct {
		config map[string]any
		code   int
		goes   bool
	}{
		"idle, stays":     {map[string]any{"idleTimeoutSecs": 1}, exitIdle, false},
		"idle, goes":      {map[string]any{"idleTimeoutSecs": 1, "shutdownMachineOnIdle": true}, exitIdle, true},
		"internal, stays": {map[string]any{"requiredDiskSpaceMegabytes": 1 << 30}, exitInternal, false},
		"internal, goes":  {map[string]any{"requiredDiskSpaceMegabytes": 1 << 30, "shutdownMachineOnInternalError": true}, exitInternal, true},
		"invalid":         {map[string]any{"capacity": 0, "shutdownMachineOnInternalError": true}, exitInvalid, false},
		"unreadable":      {map[string]any{"capacitty": 0, "shutdownMachineOnInternalError": true}, exitUnreadable, false},
		"engine":          {map[string]any{"workerkit": map[string]any{"engine": "steam"}}, exitInvalid, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, c.config)
			t.Chdir(m.dir)
			t.Setenv("TMPDIR", filepath.Join(m.dir, "tmp"))
			o := &off{}
			code, _, stderr := call(o, "run", "--config", m.configure())
			if code != c.code || (len(o.whys) == 1) != c.goes {
				t.Errorf("code %d, shutdown %v; %s", code, o.whys, stderr)
			}
			if c.goes {
				contains(t, stderr, "instanceShutdown")
			}
		})
	}
}

// TestTheMachineStaysUntilTasksAreHandedBack: those of a worker that was killed would wait until
// their claims expire.
func TestTheMachineStaysUntilTasksAreHandedBack(t *testing.T) {
	for name, end := range map[string]func(p *program) error{
		"shutdown": func(p *program) error { return p.shutdown(true, "idle") },
		"reboot":   func(p *program) error { return p.reboot("the next login") },
	} {
		var order []string
		noted := func(what string) func(string) error {
			return func(string) error {
				order = append(order, what)
				return nil
			}
		}
		p := &program{
			config: &config.Config{}, logger: slog.New(slog.DiscardHandler), power: power{off: noted("off"), reboot: noted("off")},
			handedBack: func() { order = append(order, "handed back") },
		}
		p.metrics = metrics{p.config, func(string) {}}
		if err := end(p); err != nil || !slices.Equal(order, []string{"handed back", "off"}) {
			t.Errorf("%s: %q, %v", name, order, err)
		}
	}
}

func TestCounter(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := newCounter(3)
	if err != nil || c.remaining() != 3 {
		t.Fatal(c, err)
	}
	if err := errors.Join(c.add(), c.add()); err != nil {
		t.Fatal(err)
	}
	if c, err = newCounter(3); err != nil || c.remaining() != 1 {
		t.Errorf("%v, %v", c.remaining(), err)
	}
	if c, err = newCounter(0); err != nil || c.remaining() < 1<<30 {
		t.Errorf("no limit: %v", err)
	}
	if err := os.WriteFile(counterFile, []byte("many"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newCounter(3); err == nil || !strings.Contains(err.Error(), counterFile) {
		t.Errorf("a counter that is no number: %v", err)
	}
}
