package dockerworker_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/dockerworker"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

// roles tells what assumed roles amount to, and counts who asks.
type roles struct {
	grant []string
	err   error
	asked int
}

func (r *roles) ExpandScopes(_ context.Context, scopes []string) ([]string, error) {
	r.asked++
	return append(slices.Clone(scopes), r.grant...), r.err
}

// permit has a task with these scopes checked, and returns the run.
func permit(t *testing.T, policy config.D2G, expander task.Expander, payload string, scopes ...string) (*plugintest.Run, error) {
	t.Helper()
	payload = `{"image": "i", "maxRunTime": 1, ` + payload + `}`
	if found := problems(t, docker(t), payload); len(found) > 0 {
		t.Fatalf("%s: %q", payload, found)
	}
	translator := dockerworker.New(dockerworker.Config{Policy: policy, Scopes: expander})
	translated, err := translator.Translate(json.RawMessage(payload))
	if err != nil {
		t.Fatal(err)
	}
	run := plugintest.NewRun(t, string(translated))
	run.Definition.Payload, run.Definition.Scopes = json.RawMessage(payload), scopes
	return run, translator.Permit(t.Context(), run.Run)
}

// TestScopes: what each thing needs, and what it makes of it for the plugins.
func TestScopes(t *testing.T) {
	const device = "docker-worker:capability:device:"
	for payload, c := range map[string]struct {
		anyOf  []string
		grants []string
	}{
		`"capabilities": {"privileged": true}`:                    {[]string{"docker-worker:capability:privileged", "docker-worker:capability:privileged:provisioner/pool", "docker-worker:*"}, nil},
		`"capabilities": {"disableSeccomp": true}`:                {[]string{"docker-worker:capability:disableSeccomp", "docker-worker:capability:disableSeccomp:provisioner/pool"}, nil},
		`"capabilities": {"devices": {"kvm": true}}`:              {[]string{device + "kvm", device + "kvm:provisioner/pool"}, nil},
		`"capabilities": {"devices": {"hostSharedMemory": true}}`: {[]string{device + "hostSharedMemory", device + "hostSharedMemory:provisioner/pool"}, nil},
		`"capabilities": {"devices": {"loopbackAudio": true}}`:    {[]string{device + "loopbackAudio", device + "loopbackAudio:provisioner/pool", device + "*"}, []string{"generic-worker:loopback-audio"}},
		`"capabilities": {"devices": {"loopbackVideo": true}}`:    {[]string{device + "loopbackVideo", device + "loopbackVideo:provisioner/pool"}, []string{"generic-worker:loopback-video"}},
		`"features": {"allowPtrace": true}`:                       {[]string{"docker-worker:feature:allowPtrace"}, nil},
		`"cache": {"one": "/one"}`: {
			[]string{"docker-worker:cache:one", "docker-worker:cache:one:provisioner/pool", "docker-worker:cache:o*", "generic-worker:cache:one"},
			[]string{"generic-worker:cache:one"},
		},
	} {
		for _, scope := range c.anyOf {
			run, err := permit(t, usual(), &roles{}, payload, scope)
			if err != nil || !slices.Equal(run.Granted, c.grants) {
				t.Errorf("%s with %s: granted %q, %v", payload, scope, run.Granted, err)
			}
			if !slices.Equal(run.Definition.Scopes, []string{scope}) {
				t.Errorf("the task's own scopes became %q", run.Definition.Scopes)
			}
		}
		for _, scope := range []string{"docker-worker:cache:on", "docker-worker:capability:privileged:provisioner/other", "generic-worker:loopback-audio", "docker-worker:feature:allowPtrace:provisioner/pool"} {
			_, err := permit(t, usual(), &roles{}, payload, scope)
			if task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), c.anyOf[0]) || !strings.HasPrefix(err.Error(), "payload.") {
				t.Errorf("%s with %s: %v", payload, scope, err)
			}
		}
	}
}

// TestNoScopes: most tasks need none, and nobody is asked.
func TestNoScopes(t *testing.T) {
	const payload = `"features": {"interactive": true, "chainOfTrust": true, "taskclusterProxy": true, "allowPtrace": false}, "artifacts": {"a": {"type": "volume", "path": "/a"}}, "cache": {}, "capabilities": {"privileged": false}`
	expander := &roles{}
	if run, err := permit(t, usual(), expander, payload, "assume:a"); err != nil || len(run.Granted) > 0 || expander.asked > 0 {
		t.Errorf("granted %q, asked %d times, %v", run.Granted, expander.asked, err)
	}
}

// TestRoles are asked about once, and what the run was granted spares the plugins the question.
func TestRoles(t *testing.T) {
	const payload = `"cache": {"one": "/one", "two": "/two"}, "features": {"allowPtrace": true}`
	expander := &roles{grant: []string{"docker-worker:cache:*", "docker-worker:feature:*"}}
	run, err := permit(t, usual(), expander, payload, "assume:a")
	if err != nil || expander.asked != 1 {
		t.Fatalf("asked %d times: %v", expander.asked, err)
	}
	if err := run.Require(t.Context(), expander, "mounts", []string{"generic-worker:cache:one", "generic-worker:cache:two"}); err != nil || expander.asked != 1 {
		t.Errorf("asked %d times: %v", expander.asked, err)
	}
	if err := run.Require(t.Context(), expander, "mounts", []string{"generic-worker:cache:three"}); task.Resolve(err) != task.MalformedPayload {
		t.Errorf("what was not granted: %v", err)
	}
	if _, err := permit(t, usual(), &roles{err: errors.New("no such role")}, payload, "assume:a"); task.Resolve(err) != task.MalformedPayload {
		t.Errorf("a role that there is not: %v", err)
	}
}

// TestPolicyIsSaid: what the pool does not have is left out, and the task's log says so. The scopes
// are needed all the same.
func TestPolicyIsSaid(t *testing.T) {
	const payload = `"capabilities": {"privileged": true, "devices": {"loopbackVideo": true}}, "features": {"interactive": true}`
	policy := usual()
	policy.AllowPrivileged, policy.AllowLoopbackVideo, policy.AllowInteractive = false, false, false
	run, err := permit(t, policy, &roles{}, payload, "docker-worker:capability:*")
	if err != nil || len(run.Granted) > 0 {
		t.Errorf("granted %q, %v", run.Granted, err)
	}
	log := run.TaskLog(t)
	for _, part := range []string{
		"payload.capabilities.privileged is left out: workers of the pool provisioner/pool do not offer it (d2gConfig.allowPrivileged)",
		"payload.capabilities.devices.loopbackVideo is left out", "payload.features.interactive is left out",
	} {
		if !strings.Contains(log, part) {
			t.Errorf("%q is not in %q", part, log)
		}
	}
	if _, err := permit(t, policy, &roles{}, payload); task.Resolve(err) != task.MalformedPayload {
		t.Errorf("without scopes: %v", err)
	}
}

// TestNoMounts: caches and volumes of a pool without mounts are refused in words of this payload.
func TestNoMounts(t *testing.T) {
	translator := dockerworker.New(dockerworker.Config{Scopes: &roles{}, NoMounts: true})
	for payload, fit := range map[string]bool{
		`{"image": "i", "maxRunTime": 1, "cache": {"one": "/one"}}`:                                               false,
		`{"image": "i", "maxRunTime": 1, "artifacts": {"public/a": {"type": "volume", "path": "/v"}}}`:            false,
		`{"image": "i", "maxRunTime": 1, "artifacts": {"public/a": {"type": "directory", "path": "/directory"}}}`: true,
	} {
		run := plugintest.NewRun(t, "{}")
		run.Definition.Payload = json.RawMessage(payload)
		err := translator.Permit(t.Context(), run.Run)
		if fit && err != nil || !fit && (task.Resolve(err) != task.MalformedPayload || !strings.Contains(err.Error(), "enableMounts")) {
			t.Errorf("%s: %v", payload, err)
		}
	}
}
