package crashtest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcsecrets"
)

// worker makes random calls, one after another. What it makes is its own, so it knows what
// must be there.
type worker struct {
	name  string
	rand  *rand.Rand
	facts []*fact
	count int
	acked func() // called for every acknowledged change
}

// change is what a call will have made of a fact.
type change struct {
	*fact
	to string
}

// do makes a call that changes facts. It returns false when there was no answer; an answer
// that is an error is an error.
func (w *worker) do(call func() error, changes ...change) (bool, error) {
	for _, c := range changes {
		c.maybe, c.changed = append(c.maybe, c.to), true
	}
	err := call()
	if code, answered := status(err); !answered {
		return false, nil
	} else if code >= http.StatusBadRequest {
		return false, fmt.Errorf("%s: %w", changes[0].name, err)
	}
	for _, c := range changes {
		c.known, c.maybe = c.to, nil
	}
	w.acked()
	return true, nil
}

// run works until the server answers no more.
func (w *worker) run(s *server) error {
	for {
		work := []func(*server) (bool, error){w.secret, w.secret, w.client, w.task, w.task}[w.rand.IntN(5)]
		if alive, err := work(s); err != nil || !alive {
			return err
		}
	}
}

// add makes a fact this worker's.
func (w *worker) add(f *fact) *fact {
	w.facts = append(w.facts, f)
	return f
}

// next is a name that nobody else uses.
func (w *worker) next(kind string) string {
	w.count++
	return fmt.Sprintf("%s-%s-%d", kind, w.name, w.count)
}

// secret sets, replaces and removes a secret.
func (w *worker) secret(s *server) (bool, error) {
	name := w.next("secret")
	f := w.add(secretFact(name))
	for range 1 + w.rand.IntN(3) {
		value := fmt.Sprintf(`{"value":"%x"}`, w.bytes(1+w.rand.IntN(2000)))
		alive, err := w.do(func() error {
			return s.secrets().Set(name, &tcsecrets.Secret{Secret: json.RawMessage(value), Expires: in(time.Hour)})
		}, change{f, value})
		if err != nil || !alive {
			return alive, err
		}
	}
	if w.rand.IntN(3) > 0 {
		return true, nil
	}
	return w.do(func() error { return s.secrets().Remove(name) }, change{f, absent})
}

// client makes a client of the auth service.
func (w *worker) client(s *server) (bool, error) {
	id := w.next("crash/client")
	description := fmt.Sprintf("%x", w.bytes(20))
	return w.do(func() error {
		_, err := s.auth().CreateClient(id, &tcauth.CreateClientRequest{Description: description, Expires: in(time.Hour)})
		return err
	}, change{w.add(clientFact(id)), description})
}

// task makes a task, claims it, uploads artifacts and reports it completed or failed.
func (w *worker) task(s *server) (bool, error) {
	taskID, queueName, path := slugid.Nice(), w.next("q"), w.next("crash.path")
	f := w.add(taskFact(taskID))
	alive, err := w.do(func() error {
		_, err := s.queue(s.root).CreateTask(taskID, definition(queueName, "index."+path))
		return err
	}, change{f, "pending, 1 runs"})
	if err != nil || !alive {
		return alive, err
	}
	var creds *tcclient.Credentials
	alive, err = w.do(func() (err error) { creds, err = claim(s, "crash/"+queueName, taskID); return err }, change{f, "running, 1 runs"})
	if err != nil || !alive {
		return alive, err
	}
	for i := range w.rand.IntN(3) {
		if alive, err := w.artifact(s, creds, taskID, fmt.Sprintf("public/%d.bin", i)); err != nil || !alive {
			return alive, err
		}
	}
	if w.rand.IntN(4) == 0 {
		return w.do(func() error { _, err := s.queue(creds).ReportFailed(taskID, "0"); return err }, change{f, "failed, 1 runs"})
	}
	return w.do(func() error { _, err := s.queue(creds).ReportCompleted(taskID, "0"); return err },
		change{f, "completed, 1 runs"}, change{w.add(indexFact(path)), taskID})
}

// claim claims the only task of a task queue.
func claim(s *server, taskQueueID, taskID string) (*tcclient.Credentials, error) {
	reply, err := s.queue(s.root).ClaimWork(taskQueueID, &tcqueue.ClaimWorkRequest{Tasks: 1, WorkerGroup: "crash", WorkerID: "worker"})
	if err != nil {
		return nil, err
	}
	if len(reply.Tasks) != 1 || reply.Tasks[0].Status.TaskID != taskID {
		return nil, &lost{fmt.Sprintf("claimWork gave %d tasks, want %s", len(reply.Tasks), taskID)}
	}
	c := reply.Tasks[0].Credentials
	return &tcclient.Credentials{ClientID: c.ClientID, AccessToken: c.AccessToken, Certificate: c.Certificate}, nil
}

// artifact creates an s3 artifact and uploads its bytes.
func (w *worker) artifact(s *server, creds *tcclient.Credentials, taskID, name string) (bool, error) {
	f := w.add(artifactFact(taskID, name))
	var reply struct{ PutURL string }
	alive, err := w.do(func() error {
		request := tcqueue.PostArtifactRequest(fmt.Sprintf(
			`{"storageType":"s3","contentType":"application/octet-stream","expires":%q}`, in(time.Hour)))
		got, err := s.queue(creds).CreateArtifact(taskID, "0", name, &request)
		if err != nil {
			return err
		}
		return json.Unmarshal(*got, &reply)
	}, change{f, empty})
	if err != nil || !alive {
		return alive, err
	}
	data := w.bytes(1 + w.rand.IntN(200_000))
	return w.do(func() error { return put(s, reply.PutURL, data) }, change{f, digest(data)})
}

func put(s *server, url string, data []byte) error {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, url, bytes.NewReader(data))
	if err != nil {
		return &lost{err.Error()}
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = &lost{"PUT answers " + response.Status}
	}
	_ = response.Body.Close() // it is empty
	return err
}

func definition(workerType, route string) *tcqueue.TaskDefinitionRequest {
	return &tcqueue.TaskDefinitionRequest{
		ProvisionerID: "crash", WorkerType: workerType, SchedulerID: "-", ProjectID: "none",
		Created: in(0), Deadline: in(time.Hour), Expires: in(2 * time.Hour), Retries: 5,
		Priority: "lowest", Requires: "all-completed", Routes: []string{route},
		Payload: json.RawMessage(`{}`), Extra: json.RawMessage(`{}`),
		Metadata: tcqueue.TaskMetadata{Name: "crash", Description: "crash", Owner: "a@example.invalid", Source: "https://example.invalid"},
	}
}

func (w *worker) bytes(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(w.rand.Uint32())
	}
	return out
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return fmt.Sprintf("%d bytes %s", len(data), hex.EncodeToString(sum[:8]))
}

func in(d time.Duration) tcclient.Time { return tcclient.Time(time.Now().Add(d)) }
