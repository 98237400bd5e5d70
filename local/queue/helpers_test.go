package queue_test

import (
	"maps"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/queue"
	"github.com/workerkit/workerkit/local/store"
)

const (
	queueID   = "prov/pool"
	shortPoll = 30 * time.Millisecond
)

// fixture is a queue behind the API, on a clock that the test moves.
type fixture struct {
	*apitest.Env
	t         testing.TB
	queue     *queue.Queue
	blobDir   string
	completed *[]queue.Completion
	pending   chan string     // the task queues of the first tasks that became pending
	uploaded  map[string]bool // what the object service would say, by object and upload
}

func start(t testing.TB, poll time.Duration) fixture {
	t.Helper()
	env := apitest.New(t)
	dir := t.TempDir()
	blobs, err := blob.Open(dir, blob.Options{Clock: env.Now, RootURL: env.RootURL})
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{Env: env, t: t, blobDir: dir, completed: &[]queue.Completion{}, pending: make(chan string, 10), uploaded: map[string]bool{}}
	f.queue, err = queue.New(queue.Deps{
		Store: env.Store, Issuer: env, Blob: blobs, RootURL: env.RootURL, Clock: env.Now, Logger: env.Logger, LongPoll: poll,
		OnCompleted: func(_ *store.Tx, done queue.Completion) error {
			*f.completed = append(*f.completed, done)
			return nil
		},
		OnPending: func(queueID string) {
			select {
			case f.pending <- queueID:
			default:
			}
		},
		Uploaded: func(_ *store.Tx, objectName, uploadID string) (bool, error) {
			return f.uploaded[objectName+" "+uploadID], nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	env.Add(f.queue.Service())
	env.Handle(blob.PathPrefix, blobs.Handler())
	return f
}

type object = map[string]any

// status is what tests look at of a task's status.
type status struct {
	TaskID      string
	State       string
	Priority    string
	RetriesLeft int
	Runs        []struct {
		RunID                                int
		State, ReasonCreated, ReasonResolved string
		WorkerGroup, WorkerID                string
		TakenUntil, Started, Resolved        string
	}
}

// runs shows the runs as "state/created/resolved" each.
func (s status) runs() []string {
	all := []string{}
	for _, r := range s.Runs {
		all = append(all, r.State+"/"+r.ReasonCreated+"/"+r.ReasonResolved)
	}
	return all
}

type claim struct {
	Status      status
	RunID       int
	TakenUntil  string
	Task        object
	Credentials struct{ ClientID, Certificate string }
}

// definition is a valid task, changed by the given keys; a nil value removes a key.
func (f fixture) definition(changes object) object {
	now := f.Now()
	d := object{
		"taskQueueId": queueID, "created": now, "deadline": now.Add(time.Hour), "expires": now.Add(24 * time.Hour),
		"payload":  object{"command": "true"},
		"metadata": object{"name": "n", "description": "d", "owner": "o@example.invalid", "source": "https://example.invalid"},
	}
	maps.Copy(d, changes)
	for key, value := range changes {
		if value == nil {
			delete(d, key)
		}
	}
	return d
}

// create makes a task and gives its id.
func (f fixture) create(changes object) string {
	f.t.Helper()
	id := slugid.Nice()
	f.OK(apitest.Call{Method: "queue.createTask", Args: []string{id}, Body: f.definition(changes)}, nil)
	return id
}

// call makes a call whose reply is a status.
func (f fixture) call(method string, body any, args ...string) status {
	f.t.Helper()
	var reply struct{ Status status }
	f.OK(apitest.Call{Method: "queue." + method, Args: args, Body: body}, &reply)
	return reply.Status
}

func (f fixture) status(id string) status {
	f.t.Helper()
	return f.call("status", nil, id)
}

// claim claims up to n runs as worker w.
func (f fixture) claim(n int) []claim {
	f.t.Helper()
	var reply struct{ Tasks []claim }
	f.OK(claimCall(n, "w"), &reply)
	return reply.Tasks
}

func claimCall(n int, worker string) apitest.Call {
	return apitest.Call{
		Method: "queue.claimWork", Args: []string{queueID},
		Body: object{"tasks": n, "workerGroup": "g", "workerId": worker},
	}
}

// running makes a task and claims it.
func (f fixture) running(changes object) string {
	f.t.Helper()
	id := f.create(changes)
	claims := f.claim(1)
	if len(claims) != 1 || claims[0].Status.TaskID != id {
		f.t.Fatalf("claimed %+v, want only %s", claims, id)
	}
	return id
}

// pass moves the clock and lets fire what is due.
func (f fixture) pass(d time.Duration) {
	f.t.Helper()
	f.Advance(d)
	if err := f.queue.Fire(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// refused makes a call that must fail.
func (f fixture) refused(c apitest.Call, status int, code, message string) {
	f.t.Helper()
	reply := f.Do(c)
	if reply.Status != status || reply.Code != code || message != "" && reply.Message != message {
		f.t.Fatalf("%s: %d %s %q, want %d %s %q", c.Method, reply.Status, reply.Code, reply.Message, status, code, message)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func query(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func number(n int) string { return strconv.Itoa(n) }
