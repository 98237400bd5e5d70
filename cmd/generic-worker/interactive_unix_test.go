//go:build unix

package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcsecrets"

	"github.com/workerkit/workerkit/internal/tc"
)

// freePort is one that nobody uses for now.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// TestTaskclusterProxy runs a task that calls Taskcluster without credentials of its own.
func TestTaskclusterProxy(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl in PATH, with which the task calls")
	}
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1, "taskclusterProxyPort": freePort(t)})
	for _, name := range []string{"mine", "other"} {
		err := tcsecrets.New(m.Credentials(), m.RootURL).Set(name, &tcsecrets.Secret{
			Expires: tcclient.Time(time.Now().Add(time.Hour)), Secret: json.RawMessage(`{"k": "v-of-` + name + `"}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	payload := sh(
		`set -e; p=$TASKCLUSTER_PROXY_URL; curl -sS $p/api/queue/v1/task/$TASK_ID; echo
		curl -sS $p/secrets/v1/secret/mine; echo; curl -sS -o /dev/null -w 'other %{http_code}\n' $p/api/secrets/v1/secret/other
		d='{"storageType": "reference", "url": "https://example.com/made", "contentType": "text/html", "expires": "'$EXPIRES'"}'
		curl -sS -H 'Content-Type: application/json' -d "$d" $p/api/queue/v1/task/$TASK_ID/runs/0/artifacts/public/made; echo
		curl -sS -o /dev/null -w 'resolve %{http_code}\n' -X POST $p/api/queue/v1/task/$TASK_ID/runs/0/completed`)
	with(payload, "features", map[string]any{"taskclusterProxy": true})
	with(payload, "env", map[string]any{"TASKCLUSTER_PROXY_URL": "http://elsewhere.invalid", "EXPIRES": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	id := m.create(payload, func(d *tcqueue.TaskDefinitionRequest) { d.Scopes = []string{"secrets:get:mine"} })
	p := m.start()
	p.exits(exitEnough)
	m.resolved(id, 0, "completed")
	log := m.artifact(id, 0, backing)
	contains(t, log, `"taskQueueId":"tests/pool"`, "v-of-mine", "other 403", `"storageType":"reference"`, "resolve 403")
	list, err := m.queue().ListArtifacts(id, "0", "", "")
	if err != nil || !strings.Contains(names(list), "public/made") {
		t.Errorf("artifacts %s, %v", names(list), err)
	}
}

func names(list *tcqueue.ListArtifactsResponse) (all string) {
	for _, a := range list.Artifacts {
		all += a.Name + " "
	}
	return all
}

// shell opens a shell beside a task, at the address that an artifact leads to.
func (m *machine) shell(taskID string) (*websocket.Conn, url.URL) {
	m.t.Helper()
	until(m.t, "the artifacts", func() bool {
		list, err := m.queue().ListArtifacts(taskID, "0", "", "")
		return err == nil && strings.Contains(names(list), "terminal.html")
	})
	artifact, err := tc.New(m.RootURL, http.DefaultClient, retryOnce()).Tasks(m.source()).ArtifactURL(taskID, 0, "private/generic-worker/shell.html", time.Hour)
	if err != nil {
		m.t.Fatal(err)
	}
	page, err := http.Get(artifact) // over taskcluster-local's redirect to the worker's page
	if err != nil {
		m.t.Fatal(err)
	}
	page.Body.Close()
	shells := page.Request.URL
	if page.StatusCode != http.StatusOK || !strings.Contains(page.Header.Get("Content-Security-Policy"), "default-src 'none'") || shells.Query().Get("taskId") != taskID {
		m.t.Fatalf("%s from %s", page.Status, shells.Host)
	}
	socket := url.URL{Scheme: "ws", Host: shells.Host, Path: strings.TrimSuffix(shells.Path, "/")}
	conn, reply, err := websocket.DefaultDialer.DialContext(m.t.Context(), socket.String(), nil)
	if err != nil {
		m.t.Fatal(err)
	}
	reply.Body.Close()
	return conn, socket
}

// TestInteractive opens a shell beside a task, at the address that an artifact leads to, and ends the task with it.
func TestInteractive(t *testing.T) {
	m := newMachine(t, map[string]any{"interactivePort": freePort(t)})
	payload := with(sh("while ! test -e go-on; do sleep 0.1; done; cat go-on"), "features", map[string]any{"interactive": true})
	id := m.create(payload)
	p := m.start()
	conn, socket := m.shell(id)
	defer conn.Close()
	if err := conn.WriteMessage(websocket.BinaryMessage, []byte("\x01echo from $((6*7)) of $TASK_ID > part; mv part go-on\n")); err != nil {
		t.Fatal(err)
	}
	m.resolved(id, 0, "completed")
	contains(t, m.artifact(id, 0, backing), "from 42 of "+id)
	var err error
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	if !websocket.IsCloseError(err, websocket.CloseGoingAway, websocket.CloseNormalClosure) {
		t.Errorf("the shell ended with %v", err)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.exits(exitDrained)
	secret := strings.TrimPrefix(socket.Path, "/shell/")
	if all := p.stdout.String() + p.stderr.String() + m.artifact(id, 0, backing); strings.Contains(all, secret) {
		t.Error("a log has the shells' secret")
	}
}
