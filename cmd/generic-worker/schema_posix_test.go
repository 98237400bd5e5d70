//go:build !windows

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/xeipuuv/gojsonschema"

	"github.com/workerkit/workerkit/worker/config"
)

// TestSchemaAgrees compares what payloads we take with what the public program's published
// schema takes, for the properties that we know.
func TestSchemaAgrees(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "taskcluster", "references.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the data of the public APIs, ../shared/taskcluster/references.json, is not beside this repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	var files []struct {
		Filename string          `json:"filename"`
		Content  json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(data, &files); err != nil {
		t.Fatal(err)
	}
	var theirs *gojsonschema.Schema
	for _, f := range files {
		if f.Filename == "schemas/generic-worker/insecure_posix.json" {
			theirs, err = gojsonschema.NewSchema(gojsonschema.NewBytesLoader(f.Content))
		}
	}
	if err != nil || theirs == nil {
		t.Fatalf("their schema: %v", err)
	}
	defaults := config.Defaults()
	ours, err := parts{config: &defaults}.schema()
	if err != nil {
		t.Fatal(err)
	}
	const usual = `"command": [["true"]], "maxRunTime": 60`
	for text, want := range map[string]bool{
		`{` + usual + `}`:                                               true,
		`{"command": [["true"]]}`:                                       false,
		`{"maxRunTime": 60}`:                                            false,
		`{"command": [], "maxRunTime": 60}`:                             false,
		`{"command": [[]], "maxRunTime": 60}`:                           false,
		`{"command": [["a", "b"], ["c"]], "maxRunTime": 1}`:             true,
		`{"command": ["true"], "maxRunTime": 60}`:                       false,
		`{"command": "true", "maxRunTime": 60}`:                         false,
		`{"command": [[1]], "maxRunTime": 60}`:                          false,
		`{"command": [["true"]], "maxRunTime": 0}`:                      false,
		`{"command": [["true"]], "maxRunTime": 1.5}`:                    false,
		`{"command": [["true"]], "maxRunTime": "60"}`:                   false,
		`{` + usual + `, "env": {"A": "b"}}`:                            true,
		`{` + usual + `, "env": {"A": 1}}`:                              false,
		`{` + usual + `, "env": []}`:                                    false,
		`{` + usual + `, "artifacts": []}`:                              true,
		`{` + usual + `, "artifacts": [{"type": "file", "path": "a"}]}`: true,
		`{` + usual + `, "artifacts": [{"type": "directory", "path": "a", "name": "public/a", "expires": "2030-01-01T00:00:00.000Z", "contentType": "text/plain", "contentEncoding": "gzip", "optional": true}]}`: true,
		`{` + usual + `, "artifacts": [{"type": "volume", "path": "a"}]}`:                                                                false,
		`{` + usual + `, "artifacts": [{"type": "file"}]}`:                                                                               false,
		`{` + usual + `, "artifacts": [{"path": "a"}]}`:                                                                                  false,
		`{` + usual + `, "artifacts": [{"type": "file", "path": "a", "expires": "soon"}]}`:                                               false,
		`{` + usual + `, "artifacts": [{"type": "file", "path": "a", "contentEncoding": "br"}]}`:                                         false,
		`{` + usual + `, "artifacts": [{"type": "file", "path": "a", "more": 1}]}`:                                                       false,
		`{` + usual + `, "artifacts": [{"type": "file", "path": "a"}, {"type": "file", "path": "a"}]}`:                                   false,
		`{` + usual + `, "artifacts": {}}`:                                                                                               false,
		`{` + usual + `, "features": {}}`:                                                                                                true,
		`{` + usual + `, "features": {"backingLog": false, "liveLog": true}}`:                                                            true,
		`{` + usual + `, "features": {"liveLog": 1}}`:                                                                                    false,
		`{` + usual + `, "features": {"noSuch": true}}`:                                                                                  false,
		`{` + usual + `, "onExitStatus": {"retry": [1, 255], "purgeCaches": [0]}}`:                                                       true,
		`{` + usual + `, "onExitStatus": {"retry": [0]}}`:                                                                                false,
		`{` + usual + `, "onExitStatus": {"retry": [1, 1]}}`:                                                                             false,
		`{` + usual + `, "onExitStatus": {"purgeCaches": [-1]}}`:                                                                         false,
		`{` + usual + `, "onExitStatus": {"fail": [1]}}`:                                                                                 false,
		`{` + usual + `, "logs": {"live": "public/a.log", "backing": "public/b.log"}}`:                                                   true,
		`{` + usual + `, "logs": {"live": 1}}`:                                                                                           false,
		`{` + usual + `, "logs": {"dead": "x"}}`:                                                                                         false,
		`{` + usual + `, "supersederUrl": "https://example.com/"}`:                                                                       true,
		`{` + usual + `, "mounts": [], "osGroups": [], "taskclusterProxyInterface": "localhost"}`:                                        true,
		`{` + usual + `, "features": {"taskclusterProxy": false, "interactive": false, "loopbackAudio": false, "loopbackVideo": false}}`: true,
		`{` + usual + `, "features": {"resourceMonitor": true}}`:                                                                         true,
		`{` + usual + `, "noSuch": 1}`:                                                                                                   false,
		`{` + usual + `, "image": "ubuntu"}`:                                                                                             false,
	} {
		problems, err := ours.Validate(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		result, err := theirs.Validate(gojsonschema.NewStringLoader(text))
		if err != nil {
			t.Fatal(err)
		}
		if (len(problems) == 0) != want || result.Valid() != want {
			t.Errorf("%s: want valid %v; ours says %q, theirs %v", text, want, problems, result.Errors())
		}
	}
}
