//go:build unix

package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMetrics: the lines by which log collectors follow workers, with the keys that they know.
func TestMetrics(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1, "region": "here", "instanceType": "big"})
	id := m.create(sh("true"))
	p := m.start()
	p.exits(exitEnough)
	var kinds []string
	for line := range strings.Lines(p.stderr.String()) {
		_, text, ok := strings.Cut(line, " WORKER_METRICS ")
		if !ok {
			continue
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		kind, _ := got["eventType"].(string)
		want := map[string]any{"eventType": kind, "worker": "generic-worker", "workerPoolId": pool, "workerId": "worker-1", "region": "here", "instanceType": "big", "timestamp": got["timestamp"]}
		if strings.HasPrefix(kind, "task") {
			want["taskId"], want["runId"] = id, 0.0
		}
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		at, _ := got["timestamp"].(float64)
		if since := time.Since(time.Unix(int64(at), 0)); since < -2*time.Second || (kind != "instanceBoot" && since > time.Minute) {
			t.Errorf("%s was %v ago", kind, since)
		}
		kinds = append(kinds, kind)
	}
	if want := []string{"instanceBoot", "workerReady", "taskQueued", "taskStart", "taskFinish"}; !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

// TestConfigurationOf11: the configuration of the README of release 11.0.1 works.
func TestConfigurationOf11(t *testing.T) {
	m := newMachine(t, nil)
	m.config = map[string]any{
		"accessToken": m.AccessToken, "certificate": "", "clientId": m.ClientID, "livelogSecret": "hidden-secret",
		"provisionerId": "tests", "publicIP": "127.0.0.1", "signingKeyLocation": "gpg.key",
		"workerGroup": "test-worker-group", "workerId": "test-worker-id", "workerType": "pool",
		// and of the rest that it describes
		"queueBaseURL": m.RootURL + "/api/queue/v1", "runTasksAsCurrentUser": true, "numberOfTasksToRun": 1,
		"subdomain": "taskcluster-worker.net", "deploymentId": "x", "checkForNewDeploymentEverySecs": 1800,
		"livelogGETPort": 0, "livelogPUTPort": 60022, "workerTypeMetaData": map[string]any{"image": "eleven"},
		"instanceID": "i-1", "refreshUrlsPrematurelySecs": 310, "requiredDiskSpaceMegabytes": 1,
	}
	id := m.create(sh("echo of old"))
	p := m.start()
	p.exits(exitEnough)
	m.resolved(id, 0, "completed")
	contains(t, m.artifact(id, 0, backing), "of old", `"image": "eleven"`)
	log := p.stderr.String()
	contains(t, log, "made a signing key", "gpg.key.ed25519")
	for _, key := range []string{"checkForNewDeploymentEverySecs", "deploymentId", "livelogSecret", "queueBaseURL", "runTasksAsCurrentUser", "signingKeyLocation", "subdomain"} {
		if n := strings.Count(log, "warning: "+key+" is a key of older releases"); n != 1 {
			t.Errorf("%d warnings of %s", n, key)
		}
	}
	if strings.Contains(log, "hidden") || strings.Contains(log, m.AccessToken) {
		t.Error("a secret is in the log")
	}
	if info, err := os.Stat(filepath.Join(m.dir, "gpg.key.ed25519")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v", err)
	}
}

// TestFilesOfThePublicWorker: what we do not use yet stays as it was, what we use keeps its form.
func TestFilesOfThePublicWorker(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 3})
	files := map[string]string{
		"directory-caches.json": `{"a":{"created":"2030-01-01T00:00:00Z","location":"caches/x"}}`, "file-caches.json": "{}",
		"d2g-image-cache.json": "{}", "caches/x/file": "kept", "downloads/y": "kept",
	}
	for name, text := range files {
		path := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(m.dir, counterFile), []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := m.create(sh("true"))
	m.start().exits(exitEnough)
	m.resolved(id, 0, "completed")
	files[counterFile] = "3"
	files["generic-worker-metadata.json"] = `{"lastTaskUrl":"` + m.RootURL + "/tasks/" + id + `/runs/0"}` + "\n"
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(m.dir, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, want %q; %v", name, got, want, err)
		}
	}
}

// TestACrashIsReported to the deployment's project, and only where there is one. The embedded
// deployment has nothing that takes the report, which is a line of the log; crash_test.go has.
func TestACrashIsReported(t *testing.T) {
	for project, calls := range map[string]int{"generic-worker": 1, "": 0} {
		m := newMachine(t, map[string]any{"requiredDiskSpaceMegabytes": 1 << 30, "sentryProject": project})
		p := m.start()
		p.exits(exitInternal)
		if n := m.counts()["auth.sentryDSN"]; n != calls || strings.Count(p.stderr.String(), "the crash was not reported") != calls {
			t.Errorf("project %q: %d calls; %s", project, n, p.stderr)
		}
	}
}
