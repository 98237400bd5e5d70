package localtest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"
)

// Worker is a machine of a pool of the static provider, which may register with its secret.
type Worker struct {
	PoolID, Group, ID string
	Secret            string
}

// Pool makes a worker pool of the static provider with one worker in it, "local/worker-1".
func (i *Instance) Pool(t testing.TB, workerPoolID string) Worker {
	t.Helper()
	manager := tcworkermanager.New(i.Credentials(), i.RootURL)
	_, err := manager.CreateWorkerPool(workerPoolID, &tcworkermanager.WorkerPoolDefinition{
		ProviderID: "static", Config: json.RawMessage(`{}`), Owner: "owner@example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	w := Worker{PoolID: workerPoolID, Group: "local", ID: "worker-1", Secret: slugid.Nice() + slugid.Nice()}
	info, err := json.Marshal(map[string]string{"staticSecret": w.Secret})
	if err != nil {
		t.Fatal(err)
	}
	_, err = manager.CreateWorker(w.PoolID, w.Group, w.ID, &tcworkermanager.WorkerCreationUpdateRequest{
		Capacity: 1, Expires: tcclient.Time(i.clock().Add(24 * time.Hour)), ProviderInfo: info,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// CreateTask makes a task with that payload, to be done in an hour, and returns its taskId.
// The mods may change its definition before.
func (i *Instance) CreateTask(t testing.TB, taskQueueID string, payload json.RawMessage, mods ...func(*tcqueue.TaskDefinitionRequest)) string {
	t.Helper()
	now := i.clock()
	task := &tcqueue.TaskDefinitionRequest{
		TaskQueueID: taskQueueID, Payload: payload,
		Created: tcclient.Time(now), Deadline: tcclient.Time(now.Add(time.Hour)), Expires: tcclient.Time(now.Add(24 * time.Hour)),
		Metadata: tcqueue.TaskMetadata{
			Name: t.Name(), Description: "made by a test", Owner: "owner@example.com", Source: "https://example.com/",
		},
	}
	for _, mod := range mods {
		mod(task)
	}
	taskID := slugid.Nice()
	if _, err := tcqueue.New(i.Credentials(), i.RootURL).CreateTask(taskID, task); err != nil {
		t.Fatal(err)
	}
	return taskID
}
