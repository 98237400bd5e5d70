package workermanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/workermanager"
)

// fakeCloud numbers its machines. Their proof is {"token": <workerId>}.
type fakeCloud struct {
	mu   sync.Mutex
	made int
	err  error // of Launch
}

func (*fakeCloud) Type() string { return "google" }

func (*fakeCloud) ValidateConfig(config json.RawMessage) error {
	var c struct {
		LaunchConfigs []struct{ Zone string }
	}
	if err := json.Unmarshal(config, &c); err != nil || len(c.LaunchConfigs) == 0 {
		return errors.New("launchConfigs are missing")
	}
	return nil
}

func (f *fakeCloud) Launch(o clouds.Order) (clouds.Machine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return clouds.Machine{}, f.err
	}
	var c struct {
		LaunchConfigs []struct {
			Zone          string
			WorkerConfig  json.RawMessage
			WorkerManager struct {
				LaunchConfigID      string
				CapacityPerInstance int
			}
		}
	}
	if err := json.Unmarshal(o.Config, &c); err != nil {
		return clouds.Machine{}, err
	}
	l := c.LaunchConfigs[0]
	f.made++
	id := fmt.Sprint("m", f.made)
	record, err := json.Marshal(map[string]string{"id": id, "rootUrl": o.RootURL, "provider": o.ProviderID, "pool": o.WorkerPoolID})
	return clouds.Machine{
		WorkerGroup: l.Zone, WorkerID: id, LaunchConfigID: l.WorkerManager.LaunchConfigID,
		Capacity: l.WorkerManager.CapacityPerInstance, WorkerConfig: l.WorkerConfig, Record: record,
	}, err
}

func (*fakeCloud) Verify(proof json.RawMessage, rootURL string, record json.RawMessage) error {
	var p struct{ Token string }
	var r struct{ ID, RootURL string }
	if err := errors.Join(json.Unmarshal(proof, &p), json.Unmarshal(record, &r)); err != nil {
		return err
	}
	if p.Token != r.ID || rootURL != r.RootURL {
		return api.InputError("Token validation error")
	}
	return nil
}

func (*fakeCloud) Serve(json.RawMessage, clouds.Settings) (clouds.Service, error) { return nil, nil }
func (*fakeCloud) Provider(string) map[string]any                                 { return nil }

// fakeHost has machines that are there from Boot to Delete.
type fakeHost struct {
	mu       sync.Mutex
	machines []string // by key
	records  map[string]string
	err      error // of Boot
	check    func(clouds.Key)
}

func (h *fakeHost) Boot(_ context.Context, k clouds.Key, _ clouds.Cloud, record []byte) error {
	if h.check != nil {
		h.check(k)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return h.err
	}
	h.machines = append(h.machines, k.String())
	h.records[k.String()] = string(record)
	return nil
}

func (h *fakeHost) Delete(k clouds.Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.machines = slices.DeleteFunc(h.machines, func(m string) bool { return m == k.String() })
}

func (h *fakeHost) Exists(k clouds.Key) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.machines, k.String())
}

func (h *fakeHost) list() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.machines)
}

// fakeQueue has the load that a test sets.
type fakeQueue struct {
	mu               sync.Mutex
	pending, claimed int
	active           map[string]time.Time // by worker
	broken           string               // the worker that cannot be asked about
	stuck            bool                 // nothing is handed back
	handedBack       []string
}

func (q *fakeQueue) Load(context.Context, string) (int, int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending, q.claimed, nil
}

func (q *fakeQueue) LastActive(_ context.Context, pool, group, id string) (time.Time, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	name := pool + "/" + group + "/" + id
	if name == q.broken {
		return time.Time{}, errors.New("its record is broken")
	}
	return q.active[name], nil
}

func (q *fakeQueue) ResolveClaimedBy(_ context.Context, pool, group, id string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stuck {
		return errors.New("the queue is stuck")
	}
	if name := pool + "/" + group + "/" + id; !slices.Contains(q.handedBack, name) {
		q.handedBack = append(q.handedBack, name)
	}
	return nil
}

func (q *fakeQueue) load(pending, claimed int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending, q.claimed = pending, claimed
}

// cloudEnv is a worker-manager with a cloud called gce.
type cloudEnv struct {
	env
	t     *testing.T
	cloud *fakeCloud
	host  *fakeHost
	queue *fakeQueue
}

const cloudPool = "demo/pool"

func startCloud(t *testing.T) *cloudEnv {
	t.Helper()
	a := apitest.New(t)
	e := &cloudEnv{
		t: t, cloud: &fakeCloud{}, host: &fakeHost{records: map[string]string{}}, queue: &fakeQueue{active: map[string]time.Time{}},
	}
	e.env = env{a, e.newServer(a)}
	a.Add(e.server.Service())
	return e
}

// newServer makes a worker-manager on what the store holds.
func (e *cloudEnv) newServer(a *apitest.Env) *workermanager.Server {
	return workermanager.New(workermanager.Deps{
		Store: a.Store, Issuer: a, Clock: a.Now, Logger: a.Logger,
		Provisioning: workermanager.Provisioning{
			Clouds: map[string]clouds.Cloud{"gce": e.cloud}, Host: e.host, Queue: e.queue, RootURL: a.RootURL,
			Every: time.Hour, // the tests provision themselves, or nudge
		},
	})
}

// cloudConfig is the config of a pool, with changes at the top.
func cloudConfig(changes map[string]any) map[string]any {
	c := map[string]any{
		"minCapacity": 0, "maxCapacity": 3,
		"launchConfigs": []any{map[string]any{"zone": "z", "workerConfig": map[string]any{"genericWorker": map[string]any{}}}},
	}
	maps.Copy(c, changes)
	return c
}

func cloudBody(changes map[string]any) map[string]any {
	body := poolBody(cloudConfig(changes))
	body["providerId"] = "gce"
	return body
}

func (e *cloudEnv) pool(changes map[string]any) {
	e.t.Helper()
	e.OK(poolCall("createWorkerPool", cloudPool, cloudBody(changes)), nil)
}

func (e *cloudEnv) provision() {
	e.t.Helper()
	if err := e.server.Provision(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
}

// machines provisions and wants so many machines afterwards.
func (e *cloudEnv) machines(want int) {
	e.t.Helper()
	e.provision()
	if got := e.host.list(); len(got) != want {
		e.t.Fatalf("machines: %v, want %d", got, want)
	}
}

func cloudCall(method, id string) apitest.Call {
	return apitest.Call{Method: "worker-manager." + method, Args: []string{cloudPool, "z", id}}
}

func (e *cloudEnv) state(id, want string) {
	e.t.Helper()
	var w struct{ State string }
	e.OK(cloudCall("worker", id), &w)
	if w.State != want {
		e.t.Errorf("worker %s is %s, want %s", id, w.State, want)
	}
}

func (e *cloudEnv) register(id string) apitest.Call {
	return apitest.Call{Method: "worker-manager.registerWorker", Scopes: []string{}, Body: map[string]any{
		"workerPoolId": cloudPool, "providerId": "gce", "workerGroup": "z", "workerId": id,
		"workerIdentityProof": map[string]any{"token": id},
	}}
}
