package dockerworker_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/archive"
	"github.com/workerkit/workerkit/worker/config"
)

// decoded is a JSON document as values.
func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// TestTranslate: a payload of each kind, with usual policy.
func TestTranslate(t *testing.T) {
	const short = `{"image": "i", "maxRunTime": 1, `
	const empty = "H4sIAAAAAAAC/2NgGAWjYBSMVAAALq+17wAEAAA="
	const begin = `{"maxRunTime": 1, "container": {"image": {"name": "i"}}, `
	for name, c := range map[string]struct{ from, want string }{
		"least":         {`{"image": "busybox:1.35", "maxRunTime": 60}`, `{"maxRunTime": 60, "container": {"image": {"name": "busybox:1.35"}}}`},
		"docker-image":  {`{"image": {"type": "docker-image", "name": "a/b"}, "maxRunTime": 6e1}`, `{"maxRunTime": 60, "container": {"image": {"name": "a/b"}}}`},
		"indexed-image": {`{"image": {"type": "indexed-image", "namespace": "a.b", "path": "public/i.tar"}, "maxRunTime": 1}`, `{"maxRunTime": 1, "container": {"image": {"namespace": "a.b", "path": "public/i.tar"}}}`},
		"task-image":    {`{"image": {"type": "task-image", "taskId": "t", "path": "public/i.tar"}, "maxRunTime": 1}`, `{"maxRunTime": 1, "container": {"image": {"taskId": "t", "path": "public/i.tar"}}}`},
		"command":       {short + `"command": ["sh", "-c", "echo \"$A\""]}`, `{"maxRunTime": 1, "container": {"image": {"name": "i"}, "command": ["sh", "-c", "echo \"$A\""]}}`},
		"env":           {short + `"env": {"A": "b\nc", "": "<&>"}}`, begin + `"env": {"A": "b\nc", "": "<&>"}}`},
		"caches, a folder before what is in it": {
			short + `"cache": {"a": "/w/in/", "b": "/w", "c": "relative"}}`,
			begin + `"mounts": [{"directory": "/relative", "cacheName": "c"}, {"directory": "/w", "cacheName": "b"}, {"directory": "/w/in", "cacheName": "a"}]}`,
		},
		"artifacts": {
			short + `"artifacts": {"public/z": {"type": "file", "path": "/z"}, "public/b": {"type": "directory", "path": "out/b/", "expires": "2030-01-01T00:00:00Z"}}}`,
			begin + `"artifacts": [{"type": "directory", "path": "/out/b", "name": "public/b", "expires": "2030-01-01T00:00:00Z", "optional": true}, {"type": "file", "path": "/z", "name": "public/z", "optional": true}]}`,
		},
		"volumes, each mounted once": {
			short + `"artifacts": {"a": {"type": "volume", "path": "/out"}, "b": {"type": "volume", "path": "/out/"}}}`,
			begin + `"mounts": [{"directory": "/out", "content": {"base64": "` + empty + `"}, "format": "tar.gz"}],
				"artifacts": [{"type": "directory", "path": "/out", "name": "a", "optional": true}, {"type": "directory", "path": "/out", "name": "b", "optional": true}]}`,
		},
		"volume in a cache": {
			short + `"cache": {"z": "/w"}, "artifacts": {"a": {"type": "volume", "path": "/w/out"}}, "features": {"artifacts": false}}`,
			begin + `"mounts": [{"directory": "/w", "cacheName": "z"}, {"directory": "/w/out", "content": {"base64": "` + empty + `"}, "format": "tar.gz"}], "features": {"liveLog": false, "backingLog": false}}`,
		},
		"log":                   {short + `"log": "apple/banana.log.txt"}`, begin + `"logs": {"live": "apple/banana.log.txt", "backing": "apple/banana.log_backing.txt"}}`},
		"log without extension": {short + `"log": "a.b/log"}`, begin + `"logs": {"live": "a.b/log", "backing": "a.b/log_backing"}}`},
		"log without a name":    {short + `"log": ""}`, `{"maxRunTime": 1, "container": {"image": {"name": "i"}}}`},
		"logs off":              {short + `"features": {"localLiveLog": false, "bulkLog": false}}`, begin + `"features": {"liveLog": false, "backingLog": false}}`},
		"logs on":               {short + `"features": {"localLiveLog": true, "bulkLog": true}}`, begin + `"features": {"liveLog": true, "backingLog": true}}`},
		"no artifacts":          {short + `"features": {"artifacts": false, "localLiveLog": true, "bulkLog": true}, "artifacts": {"a": {"type": "file", "path": "/a"}}}`, begin + `"features": {"liveLog": false, "backingLog": false}}`},
		"features":              {short + `"features": {"taskclusterProxy": true, "interactive": true, "chainOfTrust": true}}`, begin + `"features": {"taskclusterProxy": true, "interactive": true, "chainOfTrust": true}}`},
		"features off":          {short + `"features": {"taskclusterProxy": false, "interactive": false, "chainOfTrust": false, "allowPtrace": false, "artifacts": true}}`, `{"maxRunTime": 1, "container": {"image": {"name": "i"}}}`},
		"allowPtrace":           {short + `"features": {"allowPtrace": true}}`, `{"maxRunTime": 1, "container": {"image": {"name": "i"}, "allowPtrace": true}}`},
		"capabilities":          {short + `"capabilities": {"privileged": true, "disableSeccomp": true}}`, `{"maxRunTime": 1, "container": {"image": {"name": "i"}, "privileged": true, "disableSeccomp": true}}`},
		"devices": {
			short + `"capabilities": {"devices": {"loopbackVideo": true, "loopbackAudio": true, "hostSharedMemory": true, "kvm": true}}}`,
			`{"maxRunTime": 1, "features": {"loopbackVideo": true, "loopbackAudio": true}, "container": {"image": {"name": "i"}, "devices": {"loopbackVideo": true, "loopbackAudio": true, "hostSharedMemory": true, "kvm": true}}}`,
		},
		"exit codes": {short + `"onExitStatus": {"retry": [4, 4, 1e2, 0, -1, 256], "purgeCaches": [0, 1.0]}}`, begin + `"onExitStatus": {"retry": [4, 100], "purgeCaches": [0, 1]}}`},
		"superseder": {short + `"supersederUrl": "https://example.com"}`, `{"maxRunTime": 1, "container": {"image": {"name": "i"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if found := problems(t, docker(t), c.from); len(found) > 0 {
				t.Fatalf("not valid: %q", found)
			}
			got, err := newTranslator(usual()).Translate(json.RawMessage(c.from))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, c.want), decoded(t, string(got))); diff != "" {
				t.Error(diff)
			}
			if found := problems(t, here(t), string(got)); len(found) > 0 {
				t.Errorf("%s: %q", got, found)
			}
		})
	}
}

// TestEmptyVolume: a volume's directory is there, and empty.
func TestEmptyVolume(t *testing.T) {
	text, err := newTranslator(usual()).Translate(json.RawMessage(`{"image": "i", "maxRunTime": 1, "artifacts": {"a": {"type": "volume", "path": "/out"}}}`))
	var made struct {
		Mounts []struct {
			Content struct{ Base64 []byte }
			Format  string
		}
	}
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	if err != nil || len(made.Mounts) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := archive.UnpackFrom(t.Context(), bytes.NewReader(made.Mounts[0].Content.Base64), dir, made.Mounts[0].Format); err != nil {
		t.Fatal(err)
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// TestPolicy: what d2gConfig does not allow is not there, and all else is.
func TestPolicy(t *testing.T) {
	const all = `{"image": "i", "maxRunTime": 1, "features": {"taskclusterProxy": true, "interactive": true, "chainOfTrust": true, "allowPtrace": true},
		"capabilities": {"privileged": true, "disableSeccomp": true, "devices": {"loopbackVideo": true, "loopbackAudio": true, "hostSharedMemory": true, "kvm": true}}}`
	whole, err := newTranslator(usual()).Translate(json.RawMessage(all))
	if err != nil {
		t.Fatal(err)
	}
	for word, deny := range map[string]func(*config.D2G){
		`"chainOfTrust":true`:     func(p *config.D2G) { p.AllowChainOfTrust = false },
		`"disableSeccomp":true`:   func(p *config.D2G) { p.AllowDisableSeccomp = false },
		`"hostSharedMemory":true`: func(p *config.D2G) { p.AllowHostSharedMemory = false },
		`"interactive":true`:      func(p *config.D2G) { p.AllowInteractive = false },
		`"kvm":true`:              func(p *config.D2G) { p.AllowKVM = false },
		`"loopbackAudio":true`:    func(p *config.D2G) { p.AllowLoopbackAudio = false },
		`"loopbackVideo":true`:    func(p *config.D2G) { p.AllowLoopbackVideo = false },
		`"privileged":true`:       func(p *config.D2G) { p.AllowPrivileged = false },
		`"allowPtrace":true`:      func(p *config.D2G) { p.AllowPtrace = false },
		`"taskclusterProxy":true`: func(p *config.D2G) { p.AllowTaskclusterProxy = false },
	} {
		policy := usual()
		deny(&policy)
		got, err := newTranslator(policy).Translate(json.RawMessage(all))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(got), word) || !strings.Contains(string(whole), word) || strings.Count(string(got), "true")+strings.Count(string(whole), word) != strings.Count(string(whole), "true") {
			t.Errorf("without %s: %s", word, got)
		}
	}
}

// TestInvalid: payloads that are not valid do no harm.
func TestInvalid(t *testing.T) {
	for _, text := range []string{``, `null`, `[]`, `{"image": 1}`, `{"image": "i", "env": {"a": 1}}`, `{"image": "i", "onExitStatus": {"retry": [1e999]}}`} {
		if got, err := newTranslator(usual()).Translate(json.RawMessage(text)); err == nil && text != `null` {
			t.Errorf("%s: %s", text, got)
		}
	}
}
