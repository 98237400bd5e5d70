// Package tasks is a Taskcluster for the tests of whole programs on other platforms: it makes tasks,
// and looks how they ended.
package tasks

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"

	"github.com/workerkit/workerkit/local/localtest"
)

// Pool is whose tasks they are.
const Pool = "tests/pool"

// Service is the Taskcluster, on this machine's loopback.
type Service struct {
	*localtest.Instance
	t testing.TB
}

// Start starts one that ends with the test.
func Start(t testing.TB) Service {
	t.Helper()
	return Service{localtest.Start(t, localtest.LongPoll(200*time.Millisecond)), t}
}

// Create makes a task of commands, which make the file out.txt.
func (s Service) Create(commands any) string {
	s.t.Helper()
	payload, err := json.Marshal(map[string]any{
		"command": commands, "maxRunTime": 60,
		"artifacts": []map[string]any{{"type": "file", "path": "out.txt", "name": "public/out.txt"}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.CreateTask(s.t, Pool, payload)
}

// Resolved compares how a task ended, its state and the reason, and returns its log and the file that
// it made.
func (s Service) Resolved(taskID, want string) (log, out string) {
	s.t.Helper()
	status, err := tcqueue.New(s.Credentials(), s.RootURL).Status(taskID)
	if err != nil {
		s.t.Fatal(err)
	}
	run := status.Status.Runs[0]
	log = s.artifact(taskID, "public/logs/live_backing.log")
	if got := run.State + " " + run.ReasonResolved; got != want {
		s.t.Errorf("%s, want %s; its log:\n%s", got, want, log)
	}
	return log, s.artifact(taskID, "public/out.txt")
}

func (s Service) artifact(taskID, name string) string {
	s.t.Helper()
	url, err := tcqueue.New(s.Credentials(), s.RootURL).GetArtifact_SignedURL(taskID, "0", name, time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	reply, err := http.Get(url.String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}
