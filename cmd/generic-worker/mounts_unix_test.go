//go:build unix

package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcindex"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcpurgecache"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
)

type object = map[string]any

// mounting is a payload with mounts.
func mounting(script string, mounts ...object) map[string]any {
	return with(sh(script), "mounts", mounts)
}

// cached gives a task the scope of the cache one.
func cached(task *tcqueue.TaskDefinitionRequest) { task.Scopes = []string{"generic-worker:cache:one"} }

func oneCache() object { return object{"directory": "c", "cacheName": "one"} }

// keptCaches are the directories of caches, whoever knows of them.
func (m *machine) keptCaches() (names []string) {
	m.t.Helper()
	found, err := os.ReadDir(filepath.Join(m.dir, "caches"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	for _, f := range found {
		names = append(names, f.Name())
	}
	return names
}

// TestMounts: what one task makes, in an artifact and in a cache, the next one has.
func TestMounts(t *testing.T) {
	m := newMachine(t, nil)
	m.start()
	first := m.create(with(mounting("echo made > made && echo warm > c/left", oneCache()),
		"artifacts", []object{{"type": "file", "path": "made", "name": "public/made"}}), cached)
	m.resolved(first, 0, "completed")
	_, err := tcindex.New(m.Credentials(), m.RootURL).InsertTask("tests.latest", &tcindex.InsertTaskRequest{
		TaskID: first, Data: json.RawMessage(`{}`), Expires: tcclient.Time(time.Now().Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	second := m.create(mounting(`cat c/left a/artifact b/indexed text data && echo more >> a/artifact && echo more > new`,
		oneCache(),
		object{"file": "a/artifact", "content": object{"taskId": first, "artifact": "public/made"}},
		object{"file": "b/indexed", "content": object{"namespace": "tests.latest", "artifact": "public/made"}},
		object{"file": "text", "content": object{"raw": "raw\n"}},
		object{"file": "data", "content": object{"base64": base64.StdEncoding.EncodeToString([]byte("decoded\n"))}},
	), cached, func(task *tcqueue.TaskDefinitionRequest) { task.Dependencies = []string{first} })
	m.resolved(second, 0, "completed")
	contains(t, m.artifact(second, 0, "public/logs/live_backing.log"), "warm\nmade\nmade\nraw\ndecoded\n",
		"[mounts] Downloading artifact public/made of task "+first, "[mounts] Moving existing writable directory cache one from ")
	if n := m.counts()["purge-cache.purgeRequests"]; n != 2 {
		t.Errorf("the purge-cache service was asked %d times", n)
	}

	without := m.create(mounting("true", oneCache()))
	m.resolved(without, 0, "malformed-payload")
	contains(t, m.artifact(without, 0, "public/logs/live_backing.log"), "generic-worker:cache:one")
	missing := m.create(mounting("true", object{"file": "f", "content": object{"taskId": first, "artifact": "public/none"}}),
		func(task *tcqueue.TaskDefinitionRequest) { task.Dependencies = []string{first} })
	m.resolved(missing, 0, "failed")
	contains(t, m.artifact(missing, 0, "public/logs/live_backing.log"), "[taskcluster:error] mounts[0] (file at \"f\")")
	there := m.create(mounting("true", object{"file": "f", "content": object{"raw": ""}}, object{"file": "f/../g/f", "content": object{"raw": ""}}))
	m.resolved(there, 0, "completed")

	if err := tcpurgecache.New(m.Credentials(), m.RootURL).PurgeCache(pool, &tcpurgecache.PurgeCacheRequest{CacheName: "one"}); err != nil {
		t.Fatal(err)
	}
	purged := m.create(mounting("ls c/left", oneCache()), cached)
	m.resolved(purged, 0, "failed")
	contains(t, m.artifact(purged, 0, "public/logs/live_backing.log"), "No existing writable directory cache 'one'")
}

// TestCachesOfAKilledWorker: what a task was writing to is nobody's; what was free is kept. A task that
// is aborted spoils its caches too.
func TestCachesOfAKilledWorker(t *testing.T) {
	m := newMachine(t, nil)
	p := m.start()
	m.resolved(m.create(mounting("echo two > d/left", object{"directory": "d", "cacheName": "two"}), func(task *tcqueue.TaskDefinitionRequest) {
		task.Scopes = []string{"generic-worker:cache:*"}
	}), 0, "completed")
	m.resolved(m.create(mounting("echo one > c/left", oneCache()), cached), 0, "completed")
	m.create(mounting("[ -e "+m.dir+"/begun ] || { echo half > c/left; echo > "+m.dir+"/begun; sleep 60; }", oneCache()), cached)
	until(t, "the task", func() bool { _, err := os.Stat(filepath.Join(m.dir, "begun")); return err == nil })
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended

	m.start()
	next := m.create(mounting("ls -A c d; cat d/left", oneCache(), object{"directory": "d", "cacheName": "two"}), func(task *tcqueue.TaskDefinitionRequest) {
		task.Scopes = []string{"generic-worker:cache:*"}
	})
	m.resolved(next, 0, "completed")
	log := m.artifact(next, 0, "public/logs/live_backing.log")
	contains(t, log, "c:\n\nd:\nleft\ntwo\n", "No existing writable directory cache 'one'")

	m.resolved(m.create(with(mounting("echo half > c/left; sleep 60", oneCache()), "maxRunTime", 1), cached), 0, "failed")
	after := m.create(mounting("ls c/left", oneCache()), cached)
	m.resolved(after, 0, "failed")
	until(t, "the deletion of what is not needed", func() bool { return !strings.Contains(strings.Join(m.keptCaches(), " "), ".deleted-") })
	if got := m.keptCaches(); len(got) != 2 {
		t.Errorf("kept %v", got)
	}
}

// TestPreloadedCache: the first task has what the image has.
func TestPreloadedCache(t *testing.T) {
	image := filepath.Join(t.TempDir(), "checkout")
	if err := os.Mkdir(image, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(image, "left"), []byte("preloaded\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, object{"workerkit": object{"preloadedCaches": []object{{"cacheName": "one", "directory": image}}}})
	m.start()
	id := m.create(mounting("cat c/left && echo more >> c/left", oneCache()), cached)
	m.resolved(id, 0, "completed")
	contains(t, m.artifact(id, 0, "public/logs/live_backing.log"), "preloaded\n")
}

// TestMountsSwitchedOff: a task without mounts does not mind.
func TestMountsSwitchedOff(t *testing.T) {
	m := newMachine(t, object{"enableMounts": false})
	m.start()
	m.resolved(m.create(with(sh("true"), "mounts", []object{})), 0, "completed")
	id := m.create(mounting("true", oneCache()), cached)
	m.resolved(id, 0, "malformed-payload")
	contains(t, m.artifact(id, 0, "public/logs/live_backing.log"), "disabled on workers of the pool "+pool)
	if got := m.keptCaches(); len(got) > 0 {
		t.Errorf("%v", got)
	}
}
