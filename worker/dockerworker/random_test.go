package dockerworker_test

import (
	"encoding/json"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/dockerworker"
)

// valid are payloads that docker-worker would take.
func valid() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		text, flag := rapid.String(), rapid.Bool()
		path := rapid.SampledFrom([]string{"/", "", "/a", "/a/", "/a/b", "a", "../a", "/ä ö", "/a//b/./c"})
		some := func(name string) bool { return flag.Draw(t, "has "+name) }
		flags := func(names ...string) map[string]any {
			all := map[string]any{}
			for _, name := range names {
				if some(name) {
					all[name] = flag.Draw(t, name)
				}
			}
			return all
		}
		p := map[string]any{
			"maxRunTime": rapid.IntRange(1, 1<<40).Draw(t, "maxRunTime"),
			"image": rapid.SampledFrom([]any{
				"busybox", map[string]any{"type": "docker-image", "name": "i"},
				map[string]any{"type": "indexed-image", "namespace": "n", "path": "p"}, map[string]any{"type": "task-image", "taskId": "t", "path": "p"},
			}).Draw(t, "image"),
		}
		codes := rapid.SliceOfN(rapid.OneOf(rapid.Int(), rapid.IntRange(-2, 257)), 0, 5)
		for name, make := range map[string]func() any{
			"command":       func() any { return rapid.SliceOfN(text, 0, 3).Draw(t, "command") },
			"env":           func() any { return rapid.MapOfN(text, text, 0, 3).Draw(t, "env") },
			"cache":         func() any { return rapid.MapOfN(text, path, 0, 4).Draw(t, "cache") },
			"log":           func() any { return rapid.StringN(0, 1016, -1).Draw(t, "log") },
			"supersederUrl": func() any { return text.Draw(t, "supersederUrl") },
			"onExitStatus": func() any {
				return map[string]any{"retry": codes.Draw(t, "retry"), "purgeCaches": codes.Draw(t, "purgeCaches")}
			},
			"features": func() any {
				return flags("localLiveLog", "bulkLog", "artifacts", "taskclusterProxy", "interactive", "allowPtrace", "chainOfTrust")
			},
			"capabilities": func() any {
				c := flags("privileged", "disableSeccomp")
				c["devices"] = flags("loopbackVideo", "loopbackAudio", "hostSharedMemory", "kvm")
				return c
			},
			"artifacts": func() any {
				return rapid.MapOfN(text, rapid.Custom(func(t *rapid.T) map[string]any {
					a := map[string]any{"type": rapid.SampledFrom([]string{"file", "directory", "volume"}).Draw(t, "type"), "path": path.Draw(t, "path")}
					if flag.Draw(t, "expires") {
						a["expires"] = "2030-01-01T00:00:00.000Z"
					}
					return a
				}), 0, 4).Draw(t, "artifacts")
			},
		} {
			if some(name) {
				p[name] = make()
			}
		}
		return p
	})
}

// TestEveryValidPayload is translated to one that is valid here, whatever the policy; and it has
// each cache and artifact once.
func TestEveryValidPayload(t *testing.T) {
	theirs, ours := docker(t), here(t)
	rapid.Check(t, func(t *rapid.T) {
		from, err := json.Marshal(valid().Draw(t, "payload"))
		if err != nil {
			t.Fatal(err)
		}
		if found, err := theirs.Validate(from); err != nil || len(found) > 0 {
			t.Fatalf("%s is not valid: %q, %v", from, found, err)
		}
		policy := config.D2G{AllowPrivileged: rapid.Bool().Draw(t, "privileged"), AllowChainOfTrust: rapid.Bool().Draw(t, "trust"), AllowLoopbackAudio: true}
		to, err := dockerworker.New(dockerworker.Config{Policy: policy}).Translate(from)
		if err != nil {
			t.Fatalf("%s: %v", from, err)
		}
		if found, err := ours.Validate(to); err != nil || len(found) > 0 {
			t.Fatalf("%s became %s: %q, %v", from, to, found, err)
		}
		sameNames(t, from, to)
	})
}

// sameNames compares the names of caches and artifacts.
func sameNames(t *rapid.T, from, to json.RawMessage) {
	var before struct {
		Cache     map[string]string
		Artifacts map[string]any
		Features  struct{ Artifacts *bool }
	}
	var after struct {
		Mounts    []struct{ CacheName *string }
		Artifacts []struct {
			Name     string
			Optional bool
		}
	}
	if err := json.Unmarshal(from, &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(to, &after); err != nil {
		t.Fatal(err)
	}
	caches, artifacts := map[string]bool{}, map[string]bool{}
	for _, m := range after.Mounts {
		if m.CacheName != nil {
			caches[*m.CacheName] = true
		}
	}
	for _, a := range after.Artifacts {
		artifacts[a.Name] = a.Optional
	}
	wanted := map[string]bool{}
	for name := range before.Artifacts {
		wanted[name] = true
	}
	if off := before.Features.Artifacts; off != nil && !*off {
		wanted = map[string]bool{}
	}
	named := map[string]bool{}
	for name := range before.Cache {
		named[name] = true
	}
	if !maps.Equal(caches, named) || !maps.Equal(artifacts, wanted) || len(after.Artifacts) != len(wanted) {
		t.Fatalf("%s became %s", from, to)
	}
}
