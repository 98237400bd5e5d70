package main

import (
	"runtime"
	"testing"

	"github.com/xeipuuv/gojsonschema"
)

// TestShowSchema: on Linux payloads are of one of two forms, and never of both.
func TestShowSchema(t *testing.T) {
	code, text, stderr := call(&off{}, "show-payload-schema")
	if code != 0 {
		t.Fatal(stderr)
	}
	schema, err := gojsonschema.NewSchema(gojsonschema.NewStringLoader(text))
	if err != nil {
		t.Fatal(err)
	}
	command := `"command": [["true"]]`
	if runtime.GOOS == "windows" {
		command = `"command": ["true"]`
	}
	containers := runtime.GOOS == "linux"
	for payload, want := range map[string]bool{
		`{"maxRunTime": 1, ` + command + `}`:                   true,
		`{"maxRunTime": 1, "image": "busybox"}`:                containers,
		`{"maxRunTime": 1, "image": "busybox", "mounts": []}`:  false,
		`{"maxRunTime": 1}`:                                    false,
		`{"maxRunTime": 1, "image": "i", ` + command + `}`:     false,
		`{"maxRunTime": 1, "image": "i", "cache": {"a": "b"}}`: containers,
	} {
		result, err := schema.Validate(gojsonschema.NewStringLoader(payload))
		if err != nil || result.Valid() != want {
			t.Errorf("%s: want valid %v, got %v, %v", payload, want, result.Errors(), err)
		}
	}
}
