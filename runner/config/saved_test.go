package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/runner/config"
)

// TestWithSaved: what is shown is what Merge makes, each value with the layers that it is from.
func TestWithSaved(t *testing.T) {
	set := func(value any, from string, path ...string) config.Setting {
		return config.Setting{Path: path, Value: value, From: from}
	}
	settings := []config.Setting{
		set(true, "default", "getSecrets"),
		set(1, "file:1", "workerConfig", "capacity"),
		set([]any{"a"}, "file:2", "workerConfig", "list"),
		set("x", "file:3", "workerConfig", "object", "inner"),
		set("y", "file:4", "workerConfig", "other", "inner"),
	}
	got := config.WithSaved(settings, []config.Saved{
		{From: "pool", Config: map[string]any{"capacity": 2, "list": []any{"b"}, "object": "flat", "apiToken": "HIDDEN", "other": map[string]any{"more": 3}}},
		{From: "secret", Secret: true, Config: map[string]any{"capacity": 9, "new": map[string]any{"key": "HIDDEN"}}},
	})
	want := []config.Setting{
		set(true, "default", "getSecrets"),
		set("y", "file:4", "workerConfig", "other", "inner"),
		set("[redacted]", "pool", "workerConfig", "apiToken"),
		set([]any{"a", "b"}, "file:2 + pool", "workerConfig", "list"),
		set("flat", "pool", "workerConfig", "object"),
		set(3, "pool", "workerConfig", "other", "more"),
		set("[redacted]", "secret", "workerConfig", "capacity"),
		set("[redacted]", "secret", "workerConfig", "new", "key"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if settings[1].Value != 1 {
		t.Error("the settings that were given have changed")
	}
}
