package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckConfig: what is wrong is said as run would say it, and what a runner adds is not missed.
func TestCheckConfig(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		code   int
		stderr string
	}{
		"from a runner's layers": {`{"ed25519SigningKeyLocation":"key","tasksDir":"tasks"}`, 0, ""},
		"with credentials":       {`{"ed25519SigningKeyLocation":"key","accessToken":"HIDDEN","clientId":"c"}`, 0, ""},
		"a wrong value":          {`{"ed25519SigningKeyLocation":"key","capacity":0,"workerId":"a b"}`, exitInvalid, "capacity must be at least 1"},
		"a missing value":        {`{}`, exitInvalid, "ed25519SigningKeyLocation must be set"},
		"an empty value":         {`{"ed25519SigningKeyLocation":"key","workerId":""}`, exitInvalid, "workerId must be set"},
		"an older release's":     {`{"signingKeyLocation":"key","queueBaseURL":"https://tc.example.com/somewhere"}`, exitInvalid, "queueBaseURL does not tell"},
		"a misspelt key":         {`{"ed25519SigningKeyLocation":"key","capacitty":1}`, exitUnreadable, `unknown key "capacitty" (is "capacity" meant?)`},
		"an unknown engine":      {`{"ed25519SigningKeyLocation":"key","workerkit":{"engine":"steam"}}`, exitInvalid, `there is no engine "steam"`},
		"no JSON":                {"{", exitUnreadable, "line 1"},
		"no object":              {"[]", exitUnreadable, "object"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := call(&off{}, "check", "--config", path)
			if code != c.code || !strings.Contains(stderr, c.stderr) || (code == 0) != (stdout == path+" is fine\n") {
				t.Errorf("code %d\nstdout %s\nstderr %s", code, stdout, stderr)
			}
			if code != 0 && !strings.Contains(stderr, path) || strings.Contains(stderr, "HIDDEN") {
				t.Errorf("stderr %s", stderr)
			}
		})
	}
	if code, _, stderr := call(&off{}, "check", "--config", "nothing"); code != exitUnreadable || !strings.Contains(stderr, "nothing") {
		t.Errorf("code %d, %s", code, stderr)
	}
}

// TestExposedConfig: a file that somebody else owns is refused alike by run and by check.
func TestExposedConfig(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file somebody else's")
	}
	const nobody = 65534
	path := filepath.Join(t.TempDir(), "c.json")
	if err := errors.Join(os.WriteFile(path, []byte(`{}`), 0o600), os.Chown(path, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"run", "check"} {
		if code, _, stderr := call(&off{}, verb, "--config", path); code != exitExposed || !strings.Contains(stderr, path) {
			t.Errorf("%s: code %d, %s", verb, code, stderr)
		}
	}
}
