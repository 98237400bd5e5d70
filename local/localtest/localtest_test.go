package localtest_test

import (
	"encoding/json"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/local/localtest"
)

// TestRegisterClaimResolve goes the way of a worker through the services, with fixtures.
func TestRegisterClaimResolve(t *testing.T) {
	i := localtest.Start(t)
	w := i.Pool(t, "tests/pool")
	taskID := i.CreateTask(t, "tests/pool", json.RawMessage(`{"command": []}`), func(task *tcqueue.TaskDefinitionRequest) {
		task.Metadata.Name = "changed"
	})

	proof, err := json.Marshal(map[string]string{"staticSecret": w.Secret})
	if err != nil {
		t.Fatal(err)
	}
	registered, err := tcworkermanager.New(nil, i.RootURL).RegisterWorker(&tcworkermanager.RegisterWorkerRequest{
		ProviderID: "static", WorkerPoolID: w.PoolID, WorkerGroup: w.Group, WorkerID: w.ID, WorkerIdentityProof: proof,
	})
	if err != nil {
		t.Fatal(err)
	}
	worker := tcqueue.New(&tcclient.Credentials{
		ClientID: registered.Credentials.ClientID, AccessToken: registered.Credentials.AccessToken, Certificate: registered.Credentials.Certificate,
	}, i.RootURL)
	claimed, err := worker.ClaimWork(w.PoolID, &tcqueue.ClaimWorkRequest{Tasks: 1, WorkerGroup: w.Group, WorkerID: w.ID})
	if err != nil || len(claimed.Tasks) != 1 || claimed.Tasks[0].Status.TaskID != taskID || claimed.Tasks[0].Task.Metadata.Name != "changed" {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	c := claimed.Tasks[0].Credentials
	task := tcqueue.New(&tcclient.Credentials{ClientID: c.ClientID, AccessToken: c.AccessToken, Certificate: c.Certificate}, i.RootURL)
	done, err := task.ReportCompleted(taskID, "0")
	if err != nil || done.Status.State != "completed" {
		t.Errorf("completed %+v, %v", done, err)
	}
}

// TestOptions shows that the settings reach the services.
func TestOptions(t *testing.T) {
	moved := time.Now().Add(2 * time.Hour)
	i := localtest.Start(t,
		localtest.Clock(func() time.Time { return moved }), localtest.ClaimTimeout(time.Minute), localtest.LongPoll(time.Millisecond))
	queue := tcqueue.New(i.Credentials(), i.RootURL)
	request := &tcqueue.ClaimWorkRequest{Tasks: 1, WorkerGroup: "g", WorkerID: "w"}
	if claimed, err := queue.ClaimWork("tests/pool", request); err != nil || len(claimed.Tasks) != 0 {
		t.Errorf("an empty queue: %+v, %v", claimed, err)
	}
	i.CreateTask(t, "tests/pool", json.RawMessage(`{}`))
	claimed, err := queue.ClaimWork("tests/pool", request)
	if err != nil || len(claimed.Tasks) != 1 {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	if left := time.Time(claimed.Tasks[0].TakenUntil).Sub(moved).Round(time.Second); left != time.Minute {
		t.Errorf("claimed for %v", left)
	}
}
