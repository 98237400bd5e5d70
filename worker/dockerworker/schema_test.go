package dockerworker_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xeipuuv/gojsonschema"

	"github.com/workerkit/workerkit/worker/dockerworker"
)

const most = `"image": "busybox", "maxRunTime": 60`

// written are payloads in the words of docker-worker, and whether they are valid.
func written() map[string]bool {
	return map[string]bool{
		`{` + most + `}`: true,
		`{"image": {"type": "docker-image", "name": "busybox:1"}, "maxRunTime": 60}`:                                          true,
		`{"image": {"type": "indexed-image", "namespace": "a.b", "path": "public/i"}, "maxRunTime": 60}`:                      true,
		`{"image": {"type": "task-image", "taskId": "UOq9JeqHT3KyoEmN6J_Row", "path": "public/i.tar.zst"}, "maxRunTime": 60}`: true,
		`{"maxRunTime": 60}`:                                               false,
		`{"image": "busybox"}`:                                             false,
		`{"image": 1, "maxRunTime": 60}`:                                   false,
		`{"image": {"name": "busybox"}, "maxRunTime": 60}`:                 false,
		`{"image": {"type": "docker-image"}, "maxRunTime": 60}`:            false,
		`{"image": {"type": "task-image", "path": "i"}, "maxRunTime": 60}`: false,
		`{"image": {"type": "task-image", "taskId": "x", "path": "i", "name": "y"}, "maxRunTime": 60}`: false,
		`{"image": {"type": "indexed-image", "namespace": "a.b"}, "maxRunTime": 60}`:                   false,
		`{"image": "busybox", "maxRunTime": 0}`:                                                        false,
		`{"image": "busybox", "maxRunTime": 1.5}`:                                                      false,
		`{` + most + `, "command": ["sh", "-c", ""]}`:                                                  true,
		`{` + most + `, "command": []}`:                                                                true,
		`{` + most + `, "command": [["true"]]}`:                                                        false,
		`{` + most + `, "command": "true"}`:                                                            false,
		`{` + most + `, "env": {"A": "b"}}`:                                                            true,
		`{` + most + `, "env": {"A": 1}}`:                                                              false,
		`{` + most + `, "cache": {"a": "/a", "b": "/b"}}`:                                              true,
		`{` + most + `, "cache": {"a": {}}}`:                                                           false,
		`{` + most + `, "capabilities": {"privileged": true, "disableSeccomp": true, "devices": {"loopbackVideo": true, "loopbackAudio": true, "hostSharedMemory": true, "kvm": true}}}`: true,
		`{` + most + `, "capabilities": {"devices": {"cpu": true}}}`:    false,
		`{` + most + `, "capabilities": {"containerEngine": "docker"}}`: false,
		`{` + most + `, "capabilities": {"privileged": "yes"}}`:         false,
		`{` + most + `, "artifacts": {"public/a": {"type": "file", "path": "/a", "expires": "2030-01-01T00:00:00.000Z"}, "b": {"type": "directory", "path": "/b"}, "c": {"type": "volume", "path": "/c"}}}`: true,
		`{` + most + `, "artifacts": {"a": {"type": "file"}}}`:                                      false,
		`{` + most + `, "artifacts": {"a": {"type": "file", "path": "/a", "optional": true}}}`:      false,
		`{` + most + `, "artifacts": {"a": {"type": "link", "path": "/a"}}}`:                        false,
		`{` + most + `, "artifacts": [{"type": "file", "path": "/a"}]}`:                             false,
		`{` + most + `, "artifacts": {"a": {"type": "file", "path": "/a", "expires": "tomorrow"}}}`: false,
		`{` + most + `, "log": "public/log.txt"}`:                                                   true,
		`{` + most + `, "log": 1}`:                                                                  false,
		`{` + most + `, "onExitStatus": {"retry": [1, 1, 0, -1], "purgeCaches": [2, 1e2]}}`:         true,
		`{` + most + `, "onExitStatus": {"retry": ["1"]}}`:                                          false,
		`{` + most + `, "onExitStatus": {"ignore": [1]}}`:                                           false,
		`{` + most + `, "supersederUrl": "https://example.com/"}`:                                   true,
		`{` + most + `, "supersederUrl": 1}`:                                                        false,
		`{` + most + `, "features": {"localLiveLog": true, "bulkLog": false, "artifacts": true, "taskclusterProxy": true, "interactive": true, "allowPtrace": true, "chainOfTrust": true}}`: true,
		`{` + most + `, "features": {"dind": true}}`:        false,
		`{` + most + `, "features": {"dockerSave": false}}`: false,
		`{` + most + `, "features": {"liveLog": true}}`:     false,
		`{` + most + `, "features": {"interactive": 1}}`:    false,
		`{` + most + `, "mounts": []}`:                      false,
		`{` + most + `, "graceful": true}`:                  false,
	}
}

func TestSchema(t *testing.T) {
	s := docker(t)
	for text, valid := range written() {
		if found := problems(t, s, text); (len(found) == 0) != valid {
			t.Errorf("%s: want valid %v, got %q", text, valid, found)
		}
	}
}

// TestSchemaAgrees: the published schema says the same.
func TestSchemaAgrees(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "taskcluster", "references.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the data of the public APIs, ../shared/taskcluster/references.json, is not beside this repository")
	}
	var files []struct {
		Filename string          `json:"filename"`
		Content  json.RawMessage `json:"content"`
	}
	if err == nil {
		err = json.Unmarshal(data, &files)
	}
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, f := range files {
		if f.Filename != "schemas/generic-worker/insecure_posix.json" && f.Filename != "schemas/docker-worker/v1/payload.json" {
			continue
		}
		theirs, err := gojsonschema.NewSchema(gojsonschema.NewBytesLoader(f.Content))
		if err != nil {
			t.Fatal(err)
		}
		compared++
		for text, valid := range written() {
			result, err := theirs.Validate(gojsonschema.NewStringLoader(text))
			if err != nil || result.Valid() != valid {
				t.Errorf("%s: %s: want valid %v, theirs %v %v", f.Filename, text, valid, err, result.Errors())
			}
		}
	}
	if compared != 2 {
		t.Errorf("%d schemas were found", compared)
	}
}

// TestAdvice: what people may expect to be there is refused with what to do instead.
func TestAdvice(t *testing.T) {
	s := docker(t)
	for text, says := range map[string]string{
		`{` + most + `, "mounts": []}`:                                    "payload.mounts: this is of native payloads, and the image makes this one of docker-worker: leave image out, or use cache here",
		`{` + most + `, "osGroups": []}`:                                  "payload.osGroups: this is of native payloads",
		`{` + most + `, "features": {"backingLog": false}}`:               "payload.features.backingLog: this is of native payloads, and the image makes this one of docker-worker: use bulkLog here",
		`{` + most + `, "features": {"dind": true}}`:                      "payload.features.dind: docker-worker had this once",
		`{` + most + `, "features": {"dockerSave": true}}`:                "payload.features.dockerSave: docker-worker had this once",
		`{` + most + `, "capabilities": {"containerEngine": "docker"}}`:   "payload.capabilities.containerEngine: docker-worker had this once",
		`{` + most + `, "graceful": {"maxTimeLimit": 1}}`:                 `payload: this worker does not know the property "graceful"; it knows: artifacts, cache, `,
		`{"image": {"type": "task-image", "path": "i"}, "maxRunTime": 1}`: "payload.image: taskId is required",
	} {
		found := problems(t, s, text)
		if all := strings.Join(found, "\n"); !strings.Contains(all, says) {
			t.Errorf("%s: %q is not in %q", text, says, all)
		}
	}
}

func TestAccepts(t *testing.T) {
	for text, want := range map[string]bool{
		`{` + most + `}`: true, `{"image": null}`: true, `{"image": "a", "mounts": 1}`: true,
		`{"Image": "a"}`: false, `{}`: false, `[]`: false, `"image"`: false, `null`: false, ``: false, `{"command": [["image"]]}`: false,
	} {
		if got := dockerworker.Accepts(json.RawMessage(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
