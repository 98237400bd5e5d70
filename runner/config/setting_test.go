package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/runner/config"
)

// TestShown: what people copy into a ticket must not have a secret in it.
func TestShown(t *testing.T) {
	const hidden = "[redacted]"
	for key, c := range map[string]struct{ value, want any }{
		"accessToken":               {"x", hidden},
		"staticSecret":              {7, hidden},
		"private_key":               {"x", hidden},
		"API-Key":                   {"x", hidden},
		"AWS_ACCESS_KEY_ID":         {"x", hidden},
		"passphrase":                {[]any{"x"}, hidden},
		"proxy":                     {"http://me:word@proxy:3128", hidden},
		"proxies":                   {[]any{"http://me:word@proxy:3128", "http://proxy"}, []any{hidden, "http://proxy"}},
		"environment":               {map[string]any{"DB_PASSWORD": "x", "HOME": "/root"}, map[string]any{"DB_PASSWORD": hidden, "HOME": "/root"}},
		"ed25519SigningKeyLocation": {"/etc/key", "/etc/key"},
		"contact":                   {"me@example.com", "me@example.com"},
		"capacity":                  {7, 7},
	} {
		if diff := cmp.Diff(c.want, config.Shown(key, c.value)); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
}
