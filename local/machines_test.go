//go:build unix

package local_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/local"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/gce"
	"github.com/workerkit/workerkit/local/clouds/host"
	"github.com/workerkit/workerkit/local/localtest"
)

const cloudPool = "demo/pool"

// withGCE makes machines of GCE that run a program that only waits: the test does their work.
func withGCE(t *testing.T) localtest.Option {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return localtest.Clouds(map[string]clouds.Cloud{"gce": gce.New(rand.Reader)}, host.Options{StartWorker: program, GenericWorker: program})
}

func newCloudPool(t *testing.T, i *localtest.Instance) *tcworkermanager.WorkerManager {
	t.Helper()
	manager := tcworkermanager.New(i.Credentials(), i.RootURL)
	_, err := manager.CreateWorkerPool(cloudPool, &tcworkermanager.WorkerPoolDefinition{
		ProviderID: "gce", Owner: "owner@example.com", Config: json.RawMessage(`{
			"minCapacity": 0, "maxCapacity": 1, "launchConfigs": [{
				"region": "us-central1", "zone": "us-central1-a", "machineType": "zones/us-central1-a/machineTypes/n2-standard-2",
				"disks": [], "networkInterfaces": [], "scheduling": {}, "workerConfig": {"genericWorker": {"config": {"idleTimeoutSecs": 5}}}
			}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return manager
}

// theMachine waits for the one machine that is not called other.
func theMachine(t *testing.T, i *localtest.Instance, other string) host.Info {
	t.Helper()
	var found host.Info
	eventually(t, "a machine runs", func() bool {
		list := slices.DeleteFunc(i.Server.Machines().Machines(), func(m host.Info) bool { return m.WorkerID == other || m.PID == 0 })
		if len(list) == 1 {
			found = list[0]
		}
		return len(list) == 1
	})
	return found
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// register does for a machine what start-worker would.
func register(t *testing.T, i *localtest.Instance, m host.Info) *tcqueue.Queue {
	t.Helper()
	identity := m.Endpoint + "/computeMetadata/v1/instance/service-accounts/default/identity?format=full&audience=" + url.QueryEscape(i.RootURL)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, identity, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Metadata-Flavor", "Google")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	token, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := json.Marshal(map[string]string{"token": string(token)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tcworkermanager.New(nil, i.RootURL).RegisterWorker(&tcworkermanager.RegisterWorkerRequest{
		WorkerPoolID: m.WorkerPoolID, ProviderID: "gce", WorkerGroup: m.WorkerGroup, WorkerID: m.WorkerID, WorkerIdentityProof: proof,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got.WorkerConfig, []byte("idleTimeoutSecs")) {
		t.Errorf("worker config: %s", got.WorkerConfig)
	}
	return tcqueue.New(&tcclient.Credentials{
		ClientID: got.Credentials.ClientID, AccessToken: got.Credentials.AccessToken, Certificate: got.Credentials.Certificate,
	}, i.RootURL)
}

func claim(t *testing.T, queue *tcqueue.Queue, m host.Info, taskID string) {
	t.Helper()
	claimed, err := queue.ClaimWork(cloudPool, &tcqueue.ClaimWorkRequest{Tasks: 1, WorkerGroup: m.WorkerGroup, WorkerID: m.WorkerID})
	if err != nil || len(claimed.Tasks) != 1 || claimed.Tasks[0].Status.TaskID != taskID {
		t.Fatalf("claimed: %+v, %v", claimed, err)
	}
}

// handedBack tells whether the task's first run was resolved as worker-shutdown with a retry.
func handedBack(t *testing.T, i *localtest.Instance, taskID string) bool {
	t.Helper()
	status, err := tcqueue.New(i.Credentials(), i.RootURL).Status(taskID)
	if err != nil {
		t.Fatal(err)
	}
	runs := status.Status.Runs
	return len(runs) == 2 && runs[0].ReasonResolved == "worker-shutdown" && runs[1].ReasonCreated == "retry" && runs[1].State == "pending"
}

// TestTaskGetsMachines has a task whose first machine is removed.
func TestTaskGetsMachines(t *testing.T) {
	i := localtest.Start(t, withGCE(t))
	manager := newCloudPool(t, i)
	taskID := i.CreateTask(t, cloudPool, json.RawMessage(`{}`))
	first := theMachine(t, i, "")
	claim(t, register(t, i, first), first, taskID)
	began := time.Now()
	if err := manager.RemoveWorker(cloudPool, first.WorkerGroup, first.WorkerID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task is handed back", func() bool { return handedBack(t, i, taskID) })
	if took := time.Since(began); took > 15*time.Second { // 0.5 s in a real deployment; this computer may be busy
		t.Errorf("handed back after %s", took)
	}
	second := theMachine(t, i, first.WorkerID)
	eventually(t, "the removed machine is gone", func() bool { return !i.Server.Machines().Exists(keyOf(first)) })
	eventually(t, "its record says so", func() bool {
		w, err := manager.Worker(cloudPool, first.WorkerGroup, first.WorkerID)
		return err == nil && w.State == "stopped"
	})
	claim(t, register(t, i, second), second, taskID)
}

func keyOf(m host.Info) clouds.Key {
	return clouds.Key{WorkerPoolID: m.WorkerPoolID, WorkerGroup: m.WorkerGroup, WorkerID: m.WorkerID}
}

// TestMachinesAreGoneAfterARestart has a machine with a task, and a server that starts again.
func TestMachinesAreGoneAfterARestart(t *testing.T) {
	dir := t.TempDir()
	before := localtest.Start(t, localtest.Dir(dir), withGCE(t))
	newCloudPool(t, before)
	taskID := before.CreateTask(t, cloudPool, json.RawMessage(`{}`))
	first := theMachine(t, before, "")
	claim(t, register(t, before, first), first, taskID)
	before.Stop(t)
	if _, err := os.Stat(first.Folder); !os.IsNotExist(err) {
		t.Errorf("the machine's folder: %v, want none", err)
	}
	after := localtest.Start(t, localtest.Dir(dir), withGCE(t))
	eventually(t, "the task is handed back", func() bool { return handedBack(t, after, taskID) })
	theMachine(t, after, first.WorkerID)
	w, err := tcworkermanager.New(after.Credentials(), after.RootURL).Worker(cloudPool, first.WorkerGroup, first.WorkerID)
	if err != nil || w.State != "stopped" {
		t.Errorf("the first worker: %+v, %v", w, err)
	}
}

// TestControl has commands that are refused; cmd/taskcluster-local tests those that are not.
func TestControl(t *testing.T) {
	with, without := localtest.Start(t, withGCE(t)), localtest.Start(t)
	good := "Bearer " + with.AccessToken
	for _, c := range []struct {
		name, method, command, authorization, body string
		want                                       int
	}{
		{"list", http.MethodGet, "machines", good, "", http.StatusOK},
		{"no token", http.MethodGet, "machines", "", "", http.StatusUnauthorized},
		{"empty token", http.MethodGet, "machines", "Bearer ", "", http.StatusUnauthorized},
		{"wrong token", http.MethodGet, "machines", good + "x", "", http.StatusUnauthorized},
		{"not a bearer's", http.MethodGet, "machines", with.AccessToken, "", http.StatusUnauthorized},
		{"no such command", http.MethodPost, "destroy", good, "{}", http.StatusNotFound},
		{"wrong method", http.MethodGet, "remove", good, "", http.StatusNotFound},
		{"no JSON", http.MethodPost, "remove", good, "x", http.StatusBadRequest},
		{"unknown key", http.MethodPost, "remove", good, `{"machin": "x"}`, http.StatusBadRequest},
		{"too long", http.MethodPost, "remove", good, `{"machine": "` + strings.Repeat("x", 1<<17) + `"}`, http.StatusBadRequest},
		{"no such machine", http.MethodPost, "remove", good, `{"machine": "x"}`, http.StatusNotFound},
	} {
		if status, body := send(t, c.method, with.RootURL+local.ControlPath+c.command, c.authorization, c.body); status != c.want ||
			strings.Contains(body, with.AccessToken) || (status != http.StatusOK) != strings.Contains(body, `"message"`) {
			t.Errorf("%s: %d %s, want %d", c.name, status, body, c.want)
		}
	}
	if status, body := send(t, http.MethodGet, without.RootURL+local.ControlPath+"machines", "Bearer "+without.AccessToken, ""); status != http.StatusNotFound ||
		!strings.Contains(body, "--machines") {
		t.Errorf("without machines: %d %s", status, body)
	}
	newCloudPool(t, with)
	with.CreateTask(t, cloudPool, json.RawMessage(`{}`))
	m := theMachine(t, with, "")
	for command, want := range map[string]string{"notice": "no notice", "fault": "no fault"} {
		if status, body := send(t, http.MethodPost, with.RootURL+local.ControlPath+command, good, `{"machine": "`+m.WorkerID+`"}`); status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s without one: %d %s", command, status, body)
		}
	}
}

func send(t *testing.T, method, url, authorization, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(reply)
}
