package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/queue"
	"github.com/workerkit/workerkit/local/store"
)

// direct calls the handlers of a queue that runs on the bubble's clock, without HTTP.
type direct struct {
	t testing.TB
	q *queue.Queue
}

type issuer struct{}

func (issuer) Issue(_, clientID string, _ []string, _, _ time.Time) (api.Credentials, error) {
	return api.Credentials{ClientID: clientID, AccessToken: "token", Certificate: "{}"}, nil
}

func open(t testing.TB, dir string) (direct, *store.Store) {
	t.Helper()
	db, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	rootURL := func() string { return "http://localhost" }
	blobs, err := blob.Open(filepath.Join(dir, "blobs"), blob.Options{RootURL: rootURL})
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.New(queue.Deps{Store: db, Issuer: issuer{}, Blob: blobs, RootURL: rootURL})
	if err != nil {
		t.Fatal(err)
	}
	return direct{t, q}, db
}

func (d direct) call(method string, params map[string]string, body string) any {
	d.t.Helper()
	reply, err := d.q.Service().Handlers[method](d.t.Context(), &api.Request{
		Method: method, Params: params, Body: []byte(body), Authorize: func(map[string]any) error { return nil },
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return reply
}

func (d direct) create() string {
	d.t.Helper()
	id, now := slugid.Nice(), time.Now()
	body, err := json.Marshal(object{
		"taskQueueId": queueID, "created": now, "deadline": now.Add(time.Hour), "expires": now.Add(2 * time.Hour),
		"payload": object{}, "metadata": object{"name": "n"},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.call("createTask", map[string]string{"taskId": id}, string(body))
	return id
}

// claim claims one run and gives its task, "" when the long poll ended without.
func (d direct) claim() string {
	d.t.Helper()
	reply := d.call("claimWork", map[string]string{"taskQueueId": queueID}, `{"tasks":1,"workerGroup":"g","workerId":"w"}`)
	data, err := json.Marshal(reply)
	if err != nil {
		d.t.Fatal(err)
	}
	var got struct {
		Tasks []struct{ Status struct{ TaskID string } }
	}
	if err := json.Unmarshal(data, &got); err != nil {
		d.t.Fatal(err)
	}
	if len(got.Tasks) == 0 {
		return ""
	}
	return got.Tasks[0].Status.TaskID
}

func (d direct) state(id string) string {
	d.t.Helper()
	data, err := json.Marshal(d.call("status", map[string]string{"taskId": id}, ""))
	if err != nil {
		d.t.Fatal(err)
	}
	var got struct{ Status status }
	if err := json.Unmarshal(data, &got); err != nil {
		d.t.Fatal(err)
	}
	return got.Status.State
}

// TestRun: with Run beside it, the queue does what is due when it is due, and an idle
// claimWork takes the 20 seconds that a deployment takes.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, db := open(t, t.TempDir())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.q.Run(ctx) }()

		id, begin := d.create(), time.Now()
		if got := d.claim(); got != id {
			t.Fatalf("claimed %q, want %s", got, id)
		}
		if got := d.claim(); got != "" || time.Since(begin) != 20*time.Second {
			t.Errorf("an idle claimWork gave %q after %v", got, time.Since(begin))
		}
		wait := func(until time.Duration, want string) {
			t.Helper()
			time.Sleep(until - time.Since(begin))
			synctest.Wait()
			if got := d.state(id); got != want {
				t.Errorf("after %v the task is %s, want %s", until, got, want)
			}
		}
		wait(20*time.Minute+2*time.Second, "running")
		wait(20*time.Minute+4*time.Second, "pending")
		wait(time.Hour-time.Second, "pending")
		wait(time.Hour+time.Second, "exception")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestRestart: what is due while nothing runs happens at the next start.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d, db := open(t, dir)
		claimed, pending := d.create(), d.create()
		if got := d.claim(); got != claimed {
			t.Fatalf("claimed %q, want %s: first come, first served", got, claimed)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		d, db = open(t, dir)
		if got := d.state(claimed); got != "running" {
			t.Errorf("before Run the task is %s", got)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.q.Run(ctx) }()
		synctest.Wait()
		// Run's transactions are no durable wait: give them a moment of the bubble's time.
		time.Sleep(time.Second)
		if got := d.state(claimed); got != "pending" {
			t.Errorf("after Run the task is %s", got)
		}
		for _, want := range []string{pending, claimed} {
			if got := d.claim(); got != want {
				t.Errorf("claimed %q, want %s", got, want)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFailingTimer: what cannot be done now is tried again, and holds nothing else up.
func TestFailingTimer(t *testing.T) {
	f := start(t, shortPoll)
	broken := f.running(nil)
	var upload struct{ PutURL string }
	f.OK(createArtifact(broken, "public/x", object{"storageType": "s3", "contentType": "text/plain", "expires": stamp(f.Now().Add(time.Minute))}), &upload)
	if status, body := fetch(t, http.MethodPut, upload.PutURL, "text/plain", "data"); status != 200 {
		t.Fatal(status, body)
	}
	info := apitest.Call{Method: "queue.artifactInfo", Args: []string{broken, "0", "public/x"}}
	repair := f.breakBlobs()
	f.pass(20*time.Minute + 3*time.Second)
	if s := f.status(broken); s.State != "pending" {
		t.Errorf("behind a timer that fails, the task is %s", s.State)
	}
	f.OK(info, nil)
	repair()
	f.pass(time.Minute)
	f.refused(info, 404, "ResourceNotFound", "Artifact not found")
}

// breakBlobs makes folders that are not empty, and so cannot be removed like files, of the
// places of all blobs.
func (f fixture) breakBlobs() (repair func()) {
	f.t.Helper()
	files, err := filepath.Glob(filepath.Join(f.blobDir, "objects", "*", "*"))
	if err != nil || len(files) == 0 {
		f.t.Fatal(files, err)
	}
	for _, path := range files {
		if err := errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "full"), 0o700)); err != nil {
			f.t.Fatal(err)
		}
	}
	return func() {
		for _, path := range files {
			if err := os.RemoveAll(path); err != nil {
				f.t.Fatal(err)
			}
		}
	}
}
