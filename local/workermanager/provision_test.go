package workermanager_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/clouds"
)

func TestCapacity(t *testing.T) {
	for _, c := range []struct {
		name             string
		config           map[string]any
		pending, claimed int
		want             int
	}{
		{"nothing to do", nil, 0, 0, 0},
		{"one for each that waits", nil, 2, 0, 2},
		{"at least", map[string]any{"minCapacity": 2}, 1, 0, 2},
		{"at most", nil, 10, 0, 3},
		{"ratio, rounded up", map[string]any{"scalingRatio": 0.5}, 3, 0, 2},
		{"no ratio", map[string]any{"scalingRatio": 0, "minCapacity": 1}, 5, 0, 1},
		{"busy machines are not free", nil, 1, 1, 2},
		{"several tasks a machine", map[string]any{"launchConfigs": []any{map[string]any{
			"zone": "z", "workerManager": map[string]any{"capacityPerInstance": 4},
		}}}, 3, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := startCloud(t)
			e.pool(c.config)
			e.queue.load(c.pending, c.claimed)
			e.machines(c.want)
			e.machines(c.want) // those that boot count
		})
	}
}

func TestLifeOfAMachine(t *testing.T) {
	e := startCloud(t)
	e.pool(map[string]any{"minCapacity": 1, "lifecycle": map[string]any{"reregistrationTimeout": 3600}})
	e.host.check = func(k clouds.Key) { e.state(k.WorkerID, "requested") } // its record is there before it boots
	e.machines(1)
	if record := e.host.records[cloudPool+"/z/m1"]; !strings.Contains(record, `"provider":"gce"`) || !strings.Contains(record, e.URL) {
		t.Errorf("the machine's record: %s", record)
	}
	bad := e.register("m1")
	bad.Body.(map[string]any)["workerIdentityProof"] = map[string]any{"token": "m2"}
	if reply := e.Do(bad); reply.Status != http.StatusBadRequest || !contains(reply.Body, "Token validation error") {
		t.Errorf("a bad proof: %d %s", reply.Status, reply.Body)
	}
	var got registered
	e.OK(e.register("m1"), &got)
	if _, ok := got.WorkerConfig["genericWorker"]; !ok || !got.Expires.Equal(e.Now().Add(time.Hour)) {
		t.Errorf("registered: %+v", got)
	}
	if want := "worker/gce/" + cloudPool + "/z/m1"; got.Credentials.ClientID != want {
		t.Errorf("clientId %s, want %s", got.Credentials.ClientID, want)
	}
	e.state("m1", "running")
	if reply := e.Do(e.register("m1")); reply.Status != http.StatusBadRequest || !contains(reply.Body, "already running") {
		t.Errorf("registered twice: %d %s", reply.Status, reply.Body)
	}
	e.machines(1)

	e.OK(cloudCall("removeWorker", "m1"), nil)
	e.state("m1", "stopping")
	e.provision()
	if !slices.Equal(e.queue.handedBack, []string{cloudPool + "/z/m1"}) {
		t.Errorf("handed back: %v", e.queue.handedBack)
	}
	if got := e.host.list(); !slices.Equal(got, []string{cloudPool + "/z/m1", cloudPool + "/z/m2"}) {
		t.Errorf("while it stops: %v", got)
	}
	e.Advance(time.Second)
	e.machines(1)
	e.provision()
	e.state("m1", "stopped")
	e.OK(cloudCall("removeWorker", "m1"), nil) // again
	e.state("m1", "stopped")

	e.Advance(9 * 24 * time.Hour)
	sweep(t, e.env)
	if reply := e.Do(cloudCall("worker", "m1")); reply.Status != http.StatusNotFound {
		t.Errorf("after it has expired: %d", reply.Status)
	}
}

// TestTimeouts has the reasons for which a machine is taken away.
func TestTimeouts(t *testing.T) {
	life := map[string]any{"lifecycle": map[string]any{
		"registrationTimeout": 60, "reregistrationTimeout": 7200, "queueInactivityTimeout": 1200,
	}}
	for _, c := range []struct {
		name         string
		config       map[string]any
		register     bool
		active       time.Duration // after the start; 0 is never
		alive, after time.Duration
	}{
		{name: "registration", config: life, alive: 59 * time.Second, after: 60 * time.Second},
		{name: "registration by default", alive: 1799 * time.Second, after: 1800 * time.Second},
		{name: "never claimed", config: life, register: true, alive: 1199 * time.Second, after: 1200 * time.Second},
		{name: "never claimed, by default", register: true, alive: 7199 * time.Second, after: 7200 * time.Second},
		{name: "does not claim any more", config: life, register: true, active: time.Minute, alive: 1259 * time.Second, after: 1260 * time.Second},
		{name: "did not reregister", config: life, register: true, active: 7100 * time.Second, alive: 7199 * time.Second, after: 7200 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := startCloud(t)
			e.pool(c.config)
			e.queue.load(1, 0)
			e.machines(1)
			e.queue.load(0, 0)
			state := "requested"
			if c.register {
				state = "running"
				e.OK(e.register("m1"), nil)
			}
			if c.active != 0 {
				e.queue.active[cloudPool+"/z/m1"] = e.Now().Add(c.active)
			}
			e.Advance(c.alive)
			e.machines(1)
			e.state("m1", state)
			e.Advance(c.after - c.alive)
			e.machines(1)
			e.state("m1", "stopping")
			e.Advance(time.Second)
			e.machines(0)
			e.provision()
			e.state("m1", "stopped")
		})
	}
}

func TestReregistrationKeepsTheMachine(t *testing.T) {
	e := startCloud(t)
	e.pool(map[string]any{"minCapacity": 1, "lifecycle": map[string]any{"reregistrationTimeout": 3600}})
	e.machines(1)
	var got registered
	e.OK(e.register("m1"), &got)
	e.Advance(30 * time.Minute)
	again := apitest.Call{Method: "worker-manager.reregisterWorker", Body: map[string]any{
		"workerPoolId": cloudPool, "workerGroup": "z", "workerId": "m1", "secret": got.Secret,
	}}
	e.OK(again, &got)
	if !got.Expires.Equal(e.Now().Add(time.Hour)) {
		t.Errorf("expires %s, now it is %s", got.Expires, e.Now())
	}
	e.Advance(45 * time.Minute)
	e.machines(1)
	e.state("m1", "running")
}

// TestMachineGoesByItself has a machine that vanishes, and one that is gone after a restart.
func TestMachineGoesByItself(t *testing.T) {
	e := startCloud(t)
	e.pool(map[string]any{"minCapacity": 2})
	e.machines(2)
	e.OK(e.register("m1"), nil)
	e.host.Delete(clouds.Key{WorkerPoolID: cloudPool, WorkerGroup: "z", WorkerID: "m1"})
	e.machines(2)
	e.state("m1", "stopped")
	if !slices.Equal(e.queue.handedBack, []string{cloudPool + "/z/m1"}) {
		t.Errorf("handed back: %v", e.queue.handedBack)
	}
	e.host.machines = nil // as after a kill of this program
	e.server = e.newServer(e.Env)
	e.machines(2)
	e.state("m2", "stopped")
	e.state("m3", "stopped")
	e.state("m4", "requested")
}

func TestRecordLastsAsLongAsTheMachine(t *testing.T) {
	e := startCloud(t)
	e.pool(map[string]any{"minCapacity": 1, "lifecycle": map[string]any{"reregistrationTimeout": 2592000}})
	e.machines(1)
	e.OK(e.register("m1"), nil)
	for range 20 {
		e.Advance(24 * time.Hour)
		e.queue.active[cloudPool+"/z/m1"] = e.Now()
		e.machines(1)
		sweep(t, e.env)
	}
	e.state("m1", "running")
}

func TestMachineThatCannotBeMade(t *testing.T) {
	for name, breakIt := range map[string]func(*cloudEnv, error){
		"launch": func(e *cloudEnv, err error) { e.cloud.err = err },
		"boot":   func(e *cloudEnv, err error) { e.host.err = err },
	} {
		t.Run(name, func(t *testing.T) {
			e := startCloud(t)
			e.pool(map[string]any{"minCapacity": 1})
			breakIt(e, errors.New("no quota"))
			if err := e.server.Provision(t.Context()); err == nil || !strings.Contains(err.Error(), "no quota") {
				t.Fatalf("provisioned: %v", err)
			}
			breakIt(e, nil)
			e.machines(0) // not again at once
			var list struct {
				WorkerPoolErrors []struct{ Kind, Title, Description string }
			}
			e.OK(poolCall("listWorkerPoolErrors", cloudPool, nil), &list)
			if len(list.WorkerPoolErrors) != 1 || list.WorkerPoolErrors[0].Kind != "creation-error" {
				t.Errorf("errors: %+v", list)
			}
			e.Advance(30 * time.Second)
			e.machines(1)
			var pool poolReply
			e.OK(poolCall("workerPool", cloudPool, nil), &pool)
			if pool.CurrentCapacity != 1 || pool.RequestedCount != 1 {
				t.Errorf("the pool: %+v", pool)
			}
		})
	}
}

// TestOnePoolDoesNotHoldUpAnother breaks one of two pools.
func TestOnePoolDoesNotHoldUpAnother(t *testing.T) {
	e := startCloud(t)
	e.pool(map[string]any{"minCapacity": 1})
	e.OK(poolCall("createWorkerPool", "other/pool", cloudBody(map[string]any{"minCapacity": 1})), nil)
	e.host.check = func(k clouds.Key) {
		e.host.err = nil
		if k.WorkerPoolID == cloudPool {
			e.host.err = errors.New("broken")
		}
	}
	if err := e.server.Provision(t.Context()); err == nil {
		t.Error("no error")
	}
	if got := e.host.list(); len(got) != 1 || !strings.HasPrefix(got[0], "other/pool/") {
		t.Errorf("machines: %v", got)
	}
}

func TestCloudPoolsAreChecked(t *testing.T) {
	e := startCloud(t)
	for name, changes := range map[string]map[string]any{
		"the cloud's part":  {"launchConfigs": []any{}},
		"min above max":     {"minCapacity": 4},
		"below zero":        {"minCapacity": -1},
		"ratio":             {"scalingRatio": 2},
		"reregistration":    {"lifecycle": map[string]any{"reregistrationTimeout": 2592001}},
		"inactivity":        {"lifecycle": map[string]any{"queueInactivityTimeout": 60}},
		"type":              {"maxCapacity": "many"},
		"launchConfigId":    {"launchConfigs": []any{map[string]any{"workerManager": map[string]any{"launchConfigId": 5}}}},
		"same launchConfig": {"launchConfigs": []any{map[string]any{"zone": "z"}, map[string]any{"zone": "z"}}},
	} {
		reply := e.Do(poolCall("createWorkerPool", cloudPool, cloudBody(changes)))
		if reply.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, reply.Status, reply.Body)
		}
	}
	var providers struct {
		Providers []struct{ ProviderID, ProviderType string }
	}
	e.OK(apitest.Call{Method: "worker-manager.listProviders"}, &providers)
	if got := fmt.Sprint(providers.Providers); got != "[{gce google} {static static}]" {
		t.Errorf("providers: %s", got)
	}
	if reply := e.Do(poolCall("createWorkerPool", pool, poolBody(map[string]any{}))); reply.Status != http.StatusOK {
		t.Errorf("a static pool: %d", reply.Status)
	}
	body := map[string]any{"expires": tcclient.Time(e.Now().Add(time.Hour)), "providerInfo": map[string]any{}}
	e.pool(nil)
	create := cloudCall("createWorker", "w")
	create.Body = body
	if reply := e.Do(create); reply.Status != http.StatusBadRequest {
		t.Errorf("createWorker in a cloud: %d", reply.Status)
	}
}

func TestLaunchConfigs(t *testing.T) {
	e := startCloud(t)
	named := map[string]any{"zone": "y", "workerManager": map[string]any{"launchConfigId": "mine"}}
	plain := map[string]any{"zone": "z", "workerManager": map[string]any{"capacityPerInstance": 2}}
	e.pool(map[string]any{"minCapacity": 1, "launchConfigs": []any{plain, named}})
	type list struct {
		WorkerPoolLaunchConfigs []struct {
			LaunchConfigID, WorkerPoolID string
			IsArchived                   bool
			Configuration                map[string]any
			Created                      time.Time
		}
	}
	var first, second, all list
	e.OK(poolCall("listWorkerPoolLaunchConfigs", cloudPool, nil), &first)
	if l := first.WorkerPoolLaunchConfigs; len(l) != 2 || l[1].LaunchConfigID != "mine" || l[0].IsArchived || l[0].Configuration["zone"] != "z" {
		t.Fatalf("listed %+v", first)
	}
	id := first.WorkerPoolLaunchConfigs[0].LaunchConfigID
	e.machines(1)
	var w struct {
		LaunchConfigID string
		Capacity       int
	}
	e.OK(cloudCall("worker", "m1"), &w)
	if w.LaunchConfigID != id || w.Capacity != 2 {
		t.Errorf("worker: %+v, want launch config %s", w, id)
	}
	var stats struct {
		LaunchConfigStats []struct {
			LaunchConfigID    string
			RequestedCapacity int
		}
	}
	e.OK(poolCall("workerPoolStats", cloudPool, nil), &stats)
	if got := fmt.Sprint(stats.LaunchConfigStats); got != fmt.Sprintf("[{%s 2} {mine 0}]", id) {
		t.Errorf("stats: %s", got)
	}
	for query, want := range map[string]int{id: 1, "mine": 0} {
		var workers struct{ Workers []any }
		call := poolCall("listWorkersForWorkerPool", cloudPool, nil)
		call.Query = url.Values{"launchConfigId": {query}}
		e.OK(call, &workers)
		if len(workers.Workers) != want {
			t.Errorf("workers of %s: %v", query, workers)
		}
	}

	e.Advance(time.Hour)
	plain["workerManager"] = map[string]any{"capacityPerInstance": 3} // the same id all the same
	e.OK(poolCall("updateWorkerPool", cloudPool, cloudBody(map[string]any{"launchConfigs": []any{plain}})), nil)
	e.OK(poolCall("listWorkerPoolLaunchConfigs", cloudPool, nil), &second)
	if l := second.WorkerPoolLaunchConfigs; len(l) != 1 || l[0].LaunchConfigID != id || !l[0].Created.Equal(first.WorkerPoolLaunchConfigs[0].Created) {
		t.Errorf("after the update: %+v", second)
	}
	call := poolCall("listWorkerPoolLaunchConfigs", cloudPool, nil)
	call.Query = url.Values{"includeArchived": {"true"}}
	e.OK(call, &all)
	if l := all.WorkerPoolLaunchConfigs; len(l) != 2 || !l[1].IsArchived {
		t.Errorf("with archived ones: %+v", all)
	}
}

// TestRunHearsOfWhatHappens has a loop that looks once an hour unless it is told.
func TestRunHearsOfWhatHappens(t *testing.T) {
	e := startCloud(t)
	booted := make(chan string, 10)
	e.host.check = func(k clouds.Key) { booted <- k.WorkerID }
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.server.Run(ctx) }()
	wait := func(what, want string) {
		t.Helper()
		select {
		case got := <-booted:
			if got != want {
				t.Errorf("%s: %s booted, want %s", what, got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatal(what, ": nothing boots")
		}
	}
	e.pool(map[string]any{"minCapacity": 1})
	wait("a new pool", "m1")
	e.OK(poolCall("updateWorkerPool", cloudPool, cloudBody(map[string]any{"minCapacity": 2})), nil)
	wait("a changed pool", "m2")
	e.OK(cloudCall("removeWorker", "m1"), nil)
	wait("a removed worker", "m3")
	e.queue.load(3, 0)
	e.server.Nudge()
	wait("a pending task", "m4")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOneBadWorkerStopsNoPool has a worker of which nothing can be told.
func TestOneBadWorkerStopsNoPool(t *testing.T) {
	e := startCloud(t)
	e.pool(map[string]any{"minCapacity": 1})
	e.machines(1)
	e.OK(e.register("m1"), nil)
	e.queue.broken = cloudPool + "/z/m1"
	e.queue.load(1, 1)
	if err := e.server.Provision(t.Context()); err == nil || !strings.Contains(err.Error(), e.queue.broken) {
		t.Errorf("the error does not name the worker: %v", err)
	}
	if got := e.host.list(); len(got) != 2 {
		t.Errorf("machines: %v; the pool wants two", got)
	}
	e.host.Delete(clouds.Key{WorkerPoolID: cloudPool, WorkerGroup: "z", WorkerID: "m1"})
	e.provision()
	e.state("m1", "stopped")
}

// TestStoppedMeansHandedBack has a queue that cannot take the claims of a machine that is gone back
// at first: nobody would look at a worker that has stopped.
func TestStoppedMeansHandedBack(t *testing.T) {
	e := startCloud(t)
	e.pool(map[string]any{"minCapacity": 1, "maxCapacity": 1})
	e.machines(1)
	e.OK(e.register("m1"), nil)
	gone := clouds.Key{WorkerPoolID: cloudPool, WorkerGroup: "z", WorkerID: "m1"}
	e.host.Delete(gone)
	e.queue.stuck = true
	if err := e.server.Provision(t.Context()); err == nil {
		t.Error("a stuck queue is no error")
	}
	e.state("m1", "running")
	e.queue.stuck = false
	e.provision()
	e.state("m1", "stopped")
	if !slices.Equal(e.queue.handedBack, []string{gone.String()}) {
		t.Errorf("handed back: %v", e.queue.handedBack)
	}
}
