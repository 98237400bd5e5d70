package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
	"github.com/moby/moby/client"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcindex"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/internal/protocol"
)

// TestContainers runs all of these with each real engine of containers, one after the other.
func TestContainers(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, path)
	}
	if !dockertest.Inside(t, path) {
		return
	}
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		t.Setenv("DOCKER_HOST", e.Host)
		image := dockertest.BusyboxImage(t, e)
		for _, c := range []struct {
			name   string
			test   func(t *testing.T, m *machine, e dockertest.Engine, image string)
			config map[string]any
		}{
			{"strange", strangeContainers, map[string]any{"capacity": 8}},
			{"wild", wildContainers, map[string]any{"workerkit": map[string]any{"killGraceSecs": 1, "taskLimits": object{"processes": 300}}}},
			{"nothing left", containersLeaveNothing, nil},
			{"payloads", containerPayloads, map[string]any{"capacity": 8}},
			{"caches", containerCaches, nil},
			{"images", containerImages, nil},
			{"proxy", containerProxy, nil},
			{"shell", containerShell, nil},
			{"alone", containersAlone, map[string]any{"disableNativePayloads": true}},
			{"killed worker", containersOfAKilledWorker, nil},
			{"late engine", lateEngine, nil},
			{"limits", containerLimits, map[string]any{"workerkit": map[string]any{"taskLimits": object{"memoryMegabytes": 64}}}},
			{"without mounts", containersWithoutMounts, map[string]any{"enableMounts": false}},
			{"metadata", containerMetadata, nil},
			{"beside multiuser", containersBesideMultiuser, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				given := map[string]any{"d2gConfig": object{"enableD2G": true}, "workerkit": map[string]any{"killGraceSecs": 1}}
				maps.Copy(given, c.config)
				c.test(t, newMachine(t, given), e, image)
				until(t, "all containers are gone", func() bool { return len(containers(t, e)) == 0 })
			})
		}
	})
}

// contained is a payload of docker-worker that runs a script.
func contained(image any, script string, more object) map[string]any {
	payload := map[string]any{"image": image, "command": []string{"sh", "-c", script}}
	maps.Copy(payload, more)
	return payload
}

// having gives a task scopes.
func having(scopes ...string) func(*tcqueue.TaskDefinitionRequest) {
	return func(task *tcqueue.TaskDefinitionRequest) { task.Scopes = scopes }
}

// containerPayloads runs payloads of each kind, beside native ones.
func containerPayloads(t *testing.T, m *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m.start()
	native := m.create(sh("echo native $0"))
	first := m.create(contained(image, `echo "$A"; echo "$TASK_ID $RUN_ID [$TASK_WORKDIR]"
		mkdir -p /out/deep && echo one > /out/a.txt && echo two > /out/deep/b.txt && echo volume > /vol/v.txt && echo single > /tmp/single`, object{
		"env": object{"A": "line\nbreak"}, "log": "public/task.log",
		"artifacts": object{
			"public/single": object{"type": "file", "path": "/tmp/single"}, "public/out": object{"type": "directory", "path": "/out"},
			"public/vol": object{"type": "volume", "path": "/vol"}, "public/none": object{"type": "file", "path": "/none"},
		},
	}))
	m.resolved(native, 0, "completed")
	m.resolved(first, 0, "completed")
	contains(t, m.artifact(native, 0, backing), "native")
	log := strings.ReplaceAll(m.artifact(first, 0, "public/task_backing.log"), "\r\n", "\n")
	contains(t, log, "line\nbreak\n", first+" 0 []\n")
	for name, want := range map[string]string{"public/single": "single", "public/out/a.txt": "one", "public/out/deep/b.txt": "two", "public/vol/v.txt": "volume"} {
		if got := strings.TrimSpace(m.artifact(first, 0, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}

	named := object{"type": "docker-image", "name": image}
	type expected struct {
		payload map[string]any
		want    string
		says    string
	}
	awaited := map[string]expected{}
	for _, c := range []expected{
		{contained(named, "exit 0", nil), "completed", ""},
		{contained(image, "exit 3", nil), "failed", "exit"},
		{contained(image, "exit $((4-4*RUN_ID))", object{"onExitStatus": object{"retry": []int{4, 4}}}), "intermittent-task", ""},
		{contained(image, "sleep 60", object{"maxRunTime": 1}), "failed", "max run time exceeded"},
		{contained(image, "true", object{"features": object{"dind": true}}), "malformed-payload", "docker-worker had this once"},
		{contained(image, "true", object{"mounts": []any{}}), "malformed-payload", "the image makes this one of docker-worker"},
		{contained(image, "true", object{"capabilities": object{"privileged": true}}), "malformed-payload", "docker-worker:capability:privileged"},
		{contained(image, "true", object{"features": object{"chainOfTrust": true}}), "malformed-payload", "the chain of trust is disabled"},
	} {
		awaited[m.create(c.payload)] = c
	}
	for id, c := range awaited {
		m.resolved(id, 0, c.want)
		contains(t, m.artifact(id, 0, backing), c.says)
		if c.want == "intermittent-task" {
			m.resolved(id, 1, "completed")
		}
	}
	quiet := m.create(contained(image, "true", object{"features": object{"artifacts": false}, "artifacts": object{"public/a": object{"type": "file", "path": "/bin/sh"}}}))
	m.resolved(quiet, 0, "completed")
	if list, err := m.queue().ListArtifacts(quiet, "0", "", ""); err != nil || len(list.Artifacts) > 0 {
		t.Errorf("artifacts %+v, %v", list, err)
	}
}

// containerCaches: what one task leaves in a cache, the next one has; and only those with its scope.
func containerCaches(t *testing.T, m *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m.start()
	cache := object{"cache": object{"one": "/builds/one"}}
	first := m.create(contained(image, "echo left > /builds/one/file && adduser -D nobody2; chown 1000 /builds/one/file", cache), having("docker-worker:cache:one"))
	m.resolved(first, 0, "completed")
	second := m.create(contained(image, "cat /builds/one/file; stat -c %u /builds/one/file", cache), having("docker-worker:cache:one:"+pool))
	m.resolved(second, 0, "completed")
	contains(t, strings.ReplaceAll(m.artifact(second, 0, backing), "\r", ""), "left\n1000\n")
	without := m.create(contained(image, "true", cache))
	m.resolved(without, 0, "malformed-payload")
	contains(t, m.artifact(without, 0, backing), "docker-worker:cache:one")
	spoiling := m.create(contained(image, "exit 9", object{"cache": cache["cache"], "onExitStatus": object{"purgeCaches": []int{9}}}), having("docker-worker:*"))
	m.resolved(spoiling, 0, "failed")
	empty := m.create(contained(image, "ls /builds/one; ! [ -e /builds/one/file ]", cache), having("docker-worker:*"))
	m.resolved(empty, 0, "completed")
}

// save writes an image into a folder, as docker save and zstd would.
func save(t *testing.T, e dockertest.Engine, image, dir string) string {
	t.Helper()
	found, err := e.API.ImageInspect(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := e.API.ImageSave(t.Context(), []string{found.ID})
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	path := filepath.Join(dir, "image.tar.zst")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := zstd.NewWriter(file)
	if err == nil {
		if _, err = io.Copy(z, saved); err == nil {
			err = z.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// containerImages: images that other tasks made, found by their id and by the index.
func containerImages(t *testing.T, m *machine, e dockertest.Engine, _ string) {
	t.Helper()
	files := dockertest.Busybox(t)
	files["etc/marker"] = dockertest.File{Text: []byte("of an artifact\n")}
	path := save(t, e, dockertest.MakeImage(t, e, "workerkit.test/marked:latest", files), m.dir)
	m.start()
	maker := m.create(with(sh(fmt.Sprintf("cp %s image.tar.zst", path)), "artifacts", []object{{"type": "file", "path": "image.tar.zst", "name": "public/image.tar.zst"}}))
	m.resolved(maker, 0, "completed")
	_, err := tcindex.New(m.Credentials(), m.RootURL).InsertTask("tests.image", &tcindex.InsertTaskRequest{
		TaskID: maker, Data: json.RawMessage(`{}`), Expires: tcclient.Time(time.Now().Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	of := object{"type": "task-image", "taskId": maker, "path": "public/image.tar.zst"}
	depends := func(task *tcqueue.TaskDefinitionRequest) { task.Dependencies = []string{maker} }
	first := m.create(contained(of, "cat /etc/marker", nil), depends)
	m.resolved(first, 0, "completed")
	contains(t, m.artifact(first, 0, backing), "of an artifact", "[d2g] Load")
	again := m.create(contained(of, "cat /etc/marker", nil), depends)
	m.resolved(again, 0, "completed")
	contains(t, m.artifact(again, 0, backing), "of an artifact", "[d2g] Using cached docker image")
	indexed := m.create(contained(object{"type": "indexed-image", "namespace": "tests.image", "path": "public/image.tar.zst"}, "cat /etc/marker", nil))
	m.resolved(indexed, 0, "completed")
	contains(t, m.artifact(indexed, 0, backing), "of an artifact")
	stranger := m.create(contained(of, "true", nil))
	m.resolved(stranger, 0, "malformed-payload")
	contains(t, m.artifact(stranger, 0, backing), "add it to task.dependencies")
}

// containerProxy: a container calls Taskcluster with the scopes of its task, those that it has by
// docker-worker's names included.
func containerProxy(t *testing.T, m *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m.start()
	id := m.create(contained(image, `echo "$TASKCLUSTER_PROXY_URL"; wget -q -O - "$TASKCLUSTER_PROXY_URL/api/auth/v1/scopes/current"; wget -q -O - http://taskcluster/auth/v1/scopes/current && echo " as ever"`,
		object{"features": object{"taskclusterProxy": true}}), having("docker-worker:cache:never"))
	m.resolved(id, 0, "completed")
	contains(t, m.artifact(id, 0, backing), "http://taskcluster\r\n", "docker-worker:cache:never", "} as ever")
	if strings.Contains(m.artifact(id, 0, backing), "generic-worker:cache") {
		t.Error("what the worker grants to its features is not the task's")
	}
}

// containerShell opens a shell in a container.
func containerShell(t *testing.T, m *machine, _ dockertest.Engine, image string) {
	t.Helper()
	m.start()
	id := m.create(contained(image, "while ! test -e /go-on; do sleep 0.1; done; cat /go-on", object{"features": object{"interactive": true}}))
	conn, _ := m.shell(id)
	defer conn.Close()
	if err := conn.WriteMessage(websocket.BinaryMessage, []byte("\x01echo from $((6*7)) of $TASK_ID > /part; mv /part /go-on\n")); err != nil {
		t.Fatal(err)
	}
	m.resolved(id, 0, "completed")
	contains(t, m.artifact(id, 0, backing), "from 42 of "+id)
}

// containersAlone: without native payloads, certificates are made.
func containersAlone(t *testing.T, m *machine, e dockertest.Engine, image string) {
	t.Helper()
	code, _, stderr := call(&off{}, "new-ed25519-keypair", "--file", filepath.Join(m.dir, "key"))
	if code != 0 {
		t.Fatal(stderr)
	}
	m.start()
	native := m.create(sh("true"))
	m.resolved(native, 0, "malformed-payload")
	contains(t, m.artifact(native, 0, backing), "workers of the pool "+pool+" run docker-worker payloads (those with an image) only")
	id := m.create(contained(image, "echo of > /made", object{"features": object{"chainOfTrust": true}, "artifacts": object{"public/made": object{"type": "file", "path": "/made"}}}))
	m.resolved(id, 0, "completed")
	found, err := e.API.ImageInspect(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, m.artifact(id, 0, "public/chain-of-trust.json"), `"imageHash": "`+found.ID, `"public/made"`, `"image": "`+image)
}

// containersOfAKilledWorker: the next worker ends them and hands their tasks back.
func containersOfAKilledWorker(t *testing.T, m *machine, e dockertest.Engine, image string) {
	t.Helper()
	killed := m.start()
	id := m.create(contained(image, "sleep 600", object{"log": "public/own.log"}))
	until(t, "a container", func() bool {
		return strings.Contains(killed.stderr.String(), `"taskStart"`) && len(containers(t, e)) == 1
	})
	m.onDisk(1)
	killed.kill()
	m.config["numberOfTasksToRun"] = 1
	next := m.start()
	m.resolved(id, 0, "worker-shutdown")
	contains(t, m.artifact(id, 0, "public/own_backing.log"), "=== Task Starting ===")
	until(t, "its second run", func() bool { return m.reason(id, 1) == "running" && len(containers(t, e)) == 1 })
	if err := next.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	next.exits(exitDrained)
}

// lateEngine: a worker that starts before the engine waits for it.
func lateEngine(t *testing.T, m *machine, e dockertest.Engine, image string) {
	t.Helper()
	socket := filepath.Join(m.dir, "late.sock")
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	p := m.start()
	until(t, "it says that it waits", func() bool { return strings.Contains(p.stderr.String(), "waiting for an engine of containers") })
	contains(t, p.stderr.String(), "there is no such socket")
	if err := os.Symlink(strings.TrimPrefix(e.Host, "unix://"), socket); err != nil {
		t.Fatal(err)
	}
	m.resolved(m.create(contained(image, "true", nil)), 0, "completed")
}

// containers lists those that there are, whether they run or not.
func containers(t *testing.T, e dockertest.Engine) (names []string) {
	t.Helper()
	found, err := e.API.ContainerList(t.Context(), client.ContainerListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found.Items {
		names = append(names, c.Names...)
	}
	return names
}

// TestNoContainerEngine: a worker that is to run containers and never can, takes no task.
func TestNoContainerEngine(t *testing.T) {
	m := newMachine(t, map[string]any{"d2gConfig": object{"enableD2G": true}})
	t.Setenv("DOCKER_HOST", "nowhere")
	id := m.create(contained("busybox", "true", nil))
	p := m.start()
	p.exits(exitInvalid)
	contains(t, p.stderr.String(), "d2gConfig.enableD2G", "nowhere: this is no address", "DOCKER_HOST")
	if n := m.counts()["queue.claimWork"]; n != 0 || m.reason(id, 0) != "pending" {
		t.Errorf("it claimed %d times; the task is %s", n, m.reason(id, 0))
	}
}

// TestLeavesWhileItWaitsForAnEngine: what ends a worker is heard before there is an engine.
func TestLeavesWhileItWaitsForAnEngine(t *testing.T) {
	for name, end := range map[string]func(p *process){
		"told":    func(p *process) { p.say(protocol.Message{Type: protocol.GracefulTermination}) },
		"no more": func(p *process) { _ = p.stdin.Close() },
	} {
		m := newMachine(t, map[string]any{"d2gConfig": object{"enableD2G": true}})
		t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(m.dir, "none"))
		p := m.start("--with-worker-runner")
		p.welcome(protocol.All()...)
		until(t, "it says that it waits", func() bool { return strings.Contains(p.logged(), "waiting for an engine of containers") })
		begin := time.Now()
		end(p)
		p.exits(exitDrained)
		if took := time.Since(begin); took > dockerTime/4 || m.counts()["queue.claimWork"] > 0 {
			t.Errorf("%s: it ended after %s and %v", name, took, m.counts())
		}
	}
}

// TestMetadataOfAnotherMachine: what cannot be closed is not said to be.
func TestMetadataOfAnotherMachine(t *testing.T) {
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		_, _ = io.WriteString(w, "{}")
	}))
	defer engine.Close()
	m := newMachine(t, map[string]any{"disableNativePayloads": true, "enableChainOfTrust": false, "d2gConfig": object{"enableD2G": true}, "workerkit": map[string]any{"blockMetadata": true}})
	t.Setenv("DOCKER_HOST", "tcp://"+engine.Listener.Addr().String())
	p := m.start()
	p.exits(exitInvalid)
	contains(t, p.stderr.String(), "workerkit.blockMetadata cannot be true with the engine of containers at tcp://")
}

// TestContainersDisabled: payloads of docker-worker are told how to be run.
func TestContainersDisabled(t *testing.T) {
	m := newMachine(t, nil)
	m.start()
	id := m.create(contained("busybox", "true", nil))
	m.resolved(id, 0, "malformed-payload")
	contains(t, m.artifact(id, 0, backing), "payload.image: payloads of docker-worker", "d2gConfig.enableD2G", pool)
}
