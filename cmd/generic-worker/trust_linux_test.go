package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
)

// scoped gives a task scopes.
func scoped(scopes ...string) func(*tcqueue.TaskDefinitionRequest) {
	return func(d *tcqueue.TaskDefinitionRequest) { d.Scopes = scopes }
}

// TestTrustedTasks runs tasks with the features that need an account of their own, as such.
func TestTrustedTasks(t *testing.T) {
	if !inside(t) {
		return
	}
	m := newMultiuser(t, map[string]any{"headlessTasks": true, "numberOfTasksToRun": 5})
	key := filepath.Join(m.dir, "key")
	if err := os.Chmod(key, 0o644); err != nil { //nolint:gosec // which the worker puts right
		t.Fatal(err)
	}
	features := func(payload map[string]any, names ...string) map[string]any {
		all := map[string]bool{}
		for _, name := range names {
			all[name] = true
		}
		return with(payload, "features", all)
	}
	const asRoot, inGroup = "generic-worker:run-task-as-current-user:" + pool, "generic-worker:os-group:" + pool + "/"
	certified := m.create(features(with(sh("cat "+key+" || echo hidden; echo '{\"built\": true}' > chain-of-trust-additional-data.json; echo text > a"),
		"artifacts", []any{map[string]any{"type": "file", "path": "a", "name": "public/a"}}), "chainOfTrust"))
	root := m.create(features(sh("id -u; cat $TASK_USER_CREDENTIALS"), "runTaskAsCurrentUser"), scoped(asRoot))
	both := m.create(features(sh("true"), "runTaskAsCurrentUser", "chainOfTrust"), scoped(asRoot))
	grouped := m.create(with(sh("id -Gn"), "osGroups", []string{"video"}), scoped(inGroup+"video"))
	none := m.create(with(sh("true"), "osGroups", []string{"no-such-group"}), scoped(inGroup+"*"))
	p := m.start()
	p.exits(exitEnough)
	contains(t, p.stderr.String(), "the signing key; warning: ")
	m.resolved(certified, 0, "completed")
	contains(t, m.artifact(certified, 0, backing), "hidden\n")
	_, public, _ := call(&off{}, "new-ed25519-keypair", "--file", filepath.Join(t.TempDir(), "other"))
	if code, _, _ := call(&off{}, "verify", "--key", public, m.download(certified)); code != exitUnverified {
		t.Error("another key verifies it")
	}
	keep(t, m.dir, "public", m.public)
	if code, stdout, stderr := call(&off{}, "verify", "--key", filepath.Join(m.dir, "public"), m.download(certified)); code != 0 {
		t.Errorf("code %d\n%s\n%s", code, stdout, stderr)
	}
	m.resolved(root, 0, "completed")
	contains(t, m.artifact(root, 0, backing), "\n0\n", `"name":"task_`, `"password":"`)
	m.resolved(both, 0, "malformed-payload")
	contains(t, m.artifact(both, 0, backing), "could read the worker's signing key")
	m.resolved(grouped, 0, "completed")
	contains(t, m.artifact(grouped, 0, backing), " video\n")
	m.resolved(none, 0, "malformed-payload")
	contains(t, m.artifact(none, 0, backing), "no-such-group")
}

// TestMissingSigningKey: a worker that cannot sign runs no tasks.
func TestMissingSigningKey(t *testing.T) {
	if !inside(t) {
		return
	}
	m := newMultiuser(t, map[string]any{"headlessTasks": true, "ed25519SigningKeyLocation": "none"})
	p := m.start()
	p.exits(exitSigningKey)
	contains(t, p.stderr.String(), "generic-worker new-ed25519-keypair --file none")
}
