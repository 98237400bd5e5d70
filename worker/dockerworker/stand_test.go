package dockerworker_test

import (
	"encoding/json"
	"testing"

	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/dockerworker"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/artifacts"
	"github.com/workerkit/workerkit/worker/plugins/backinglog"
	"github.com/workerkit/workerkit/worker/plugins/chainoftrust"
	"github.com/workerkit/workerkit/worker/plugins/environment"
	"github.com/workerkit/workerkit/worker/plugins/exitstatus"
	"github.com/workerkit/workerkit/worker/plugins/interactive"
	"github.com/workerkit/workerkit/worker/plugins/livelog"
	"github.com/workerkit/workerkit/worker/plugins/loopback"
	"github.com/workerkit/workerkit/worker/plugins/maxruntime"
	"github.com/workerkit/workerkit/worker/plugins/mounts"
	"github.com/workerkit/workerkit/worker/plugins/resourcemonitor"
	"github.com/workerkit/workerkit/worker/plugins/taskclusterproxy"
)

// usual is the policy of a worker that says nothing about it.
func usual() config.D2G { return config.Defaults().D2GConfig }

func newTranslator(policy config.D2G) *dockerworker.Translator {
	return dockerworker.New(dockerworker.Config{Policy: policy})
}

// containers is the part of the payload that a container engine owns.
func containers() payload.Fragment {
	type object = map[string]any
	text, flag := object{"type": "string"}, object{"type": "boolean"}
	closed := func(properties object, required ...any) object {
		if required == nil {
			required = []any{}
		}
		return object{"type": "object", "additionalProperties": false, "properties": properties, "required": required}
	}
	return payload.Fragment{Required: []string{"container"}, Properties: object{"container": closed(object{
		"image": object{"oneOf": []any{
			closed(object{"name": text}, "name"),
			closed(object{"namespace": text, "path": text}, "namespace", "path"),
			closed(object{"taskId": text, "path": text}, "taskId", "path"),
		}},
		"command":    object{"type": "array", "items": text},
		"privileged": flag, "disableSeccomp": flag, "allowPtrace": flag,
		"devices": closed(object{"loopbackVideo": flag, "loopbackAudio": flag, "hostSharedMemory": flag, "kvm": flag}),
	}, "image")}}
}

// here is the schema of a worker with all plugins that a container has something of.
func here(t *testing.T) *payload.Schema {
	t.Helper()
	fragments := map[string]payload.Fragment{"engine": containers()}
	for _, p := range []plugins.Plugin{
		artifacts.New(nil), backinglog.New(nil), chainoftrust.New(chainoftrust.Config{}), environment.New(environment.Config{}), exitstatus.New(),
		interactive.New(interactive.Config{}), livelog.New(livelog.Config{}), loopback.New(loopback.Config{}), maxruntime.New(0), mounts.New(mounts.Config{}),
		resourcemonitor.New(resourcemonitor.Config{}), taskclusterproxy.New(taskclusterproxy.Config{}),
	} {
		fragments[p.Name()] = p.Payload()
	}
	merged, err := payload.Merge(fragments)
	if err != nil {
		t.Fatal(err)
	}
	return merged
}

// problems is what a schema finds in a payload.
func problems(t *testing.T, s *payload.Schema, text string) []string {
	t.Helper()
	found, err := s.Validate(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func docker(t *testing.T) *payload.Schema {
	t.Helper()
	s, err := dockerworker.Schema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
