package queue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/api/apitest"
)

// longPoll is far longer than any test waits for something that should come at once, also on a busy machine.
const longPoll = 2 * time.Minute

func TestClaimReply(t *testing.T) {
	f := start(t, shortPoll)
	id := f.create(object{"scopes": []string{"secrets:get:x"}})
	f.Advance(time.Second)
	c := f.claim(1)[0]
	until := f.Now().Add(20 * time.Minute)
	if c.RunID != 0 || c.Status.State != "running" || c.Task["taskQueueId"] != queueID {
		t.Errorf("claim %+v", c)
	}
	run := c.Status.Runs[0]
	if run.TakenUntil != stamp(until) || run.Started != stamp(f.Now()) || run.WorkerGroup != "g" || run.WorkerID != "w" {
		t.Errorf("run %+v", run)
	}
	if got := c.TakenUntil; got != until.Format("2006-01-02T15:04:05.000")+"+00:00" {
		t.Errorf("takenUntil %s", got)
	}
	if want := fmt.Sprintf("task-client/%s/0/on/g/w/until/%d.789", id, until.Unix()); c.Credentials.ClientID != want {
		t.Errorf("clientId %s, want %s", c.Credentials.ClientID, want)
	}
	var cert struct {
		Scopes        []string
		Start, Expiry int64
	}
	if err := json.Unmarshal([]byte(c.Credentials.Certificate), &cert); err != nil {
		t.Fatal(err)
	}
	want := []string{"queue:reclaim-task:" + id + "/0", "queue:resolve-task:" + id + "/0", "queue:create-artifact:" + id + "/0", "secrets:get:x"}
	if !slices.Equal(cert.Scopes, want) || cert.Start != f.Now().UnixMilli() || cert.Expiry != until.UnixMilli() {
		t.Errorf("certificate %+v", cert)
	}
}

func TestClaimOrder(t *testing.T) {
	f := start(t, shortPoll)
	var want []string
	levels := []string{"highest", "very-high", "high", "medium", "low", "very-low", "lowest"}
	made := map[string][]string{}
	for _, i := range []int{3, 0, 6, 1, 5, 2, 4, 0, 6, 3} {
		made[levels[i]] = append(made[levels[i]], f.create(object{"priority": levels[i]}))
	}
	for _, level := range levels {
		want = append(want, made[level]...)
	}
	var got []string
	for _, n := range []int{1, 4, 32} {
		for _, c := range f.claim(n) {
			got = append(got, c.Status.TaskID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestChangedPriority(t *testing.T) {
	f := start(t, shortPoll)
	a, b, c := f.create(nil), f.create(nil), f.create(nil)
	f.call("changeTaskPriority", object{"newPriority": "high"}, c)
	var reply struct {
		TaskIDs       []string
		TasksAffected int
	}
	f.OK(apitest.Call{Method: "queue.changeTaskGroupPriority", Args: []string{b}, Body: object{"newPriority": "highest"}}, &reply)
	if reply.TasksAffected != 1 || !slices.Equal(reply.TaskIDs, []string{b}) {
		t.Errorf("%+v", reply)
	}
	got := []string{}
	for _, claim := range f.claim(5) {
		got = append(got, claim.Status.TaskID)
	}
	if !slices.Equal(got, []string{b, c, a}) {
		t.Errorf("order %v, want %v", got, []string{b, c, a})
	}
}

func TestClaimWithoutWork(t *testing.T) {
	f := start(t, shortPoll)
	f.create(object{"taskQueueId": "prov/pool2"}) // the name of another queue may start with ours
	begin := time.Now()
	if got := f.Do(claimCall(1, "w")); got.Status != 200 || strings.TrimSpace(string(got.Body)) != `{"tasks":[]}` {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if waited := time.Since(begin); waited < shortPoll {
		t.Errorf("replied after %v, before the long poll's end", waited)
	}
}

func TestClaimScopes(t *testing.T) {
	f := start(t, shortPoll)
	f.create(nil)
	call := claimCall(1, "other")
	call.Scopes = []string{"queue:claim-work:" + queueID, "queue:worker-id:g/w"}
	f.refused(call, 403, "InsufficientScopes", "")
	call = claimCall(1, "w")
	call.Scopes = []string{"queue:claim-work:" + queueID, "queue:worker-id:g/w"}
	f.OK(call, nil)
	for _, n := range []int{0, 33} {
		f.refused(claimCall(n, "w"), 400, "InputValidationError", "")
	}
}

// TestClaimWakes: everything that makes a run pending must wake a waiting claimWork.
func TestClaimWakes(t *testing.T) {
	for name, prepare := range map[string]func(fixture) func(){
		"create": func(f fixture) func() { return func() { f.create(nil) } },
		"schedule": func(f fixture) func() {
			blocker := f.create(object{"taskQueueId": "prov/elsewhere"})
			id := f.create(object{"dependencies": []string{blocker}})
			return func() { f.call("scheduleTask", nil, id) }
		},
		"rerun": func(f fixture) func() {
			id := f.running(nil)
			f.call("reportFailed", nil, id, "0")
			return func() { f.call("rerunTask", nil, id) }
		},
		"retry": func(f fixture) func() {
			id := f.running(nil)
			return func() { f.call("reportException", object{"reason": "worker-shutdown"}, id, "0") }
		},
		"dependency": func(f fixture) func() {
			first := f.running(nil)
			f.create(object{"dependencies": []string{first}})
			return func() { f.call("reportCompleted", nil, first, "0") }
		},
		"claim expired": func(f fixture) func() {
			f.running(nil)
			return func() { f.pass(20*time.Minute + 3*time.Second) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, longPoll)
			wake := prepare(f)
			got := make(chan apitest.Reply, 1)
			go func() { got <- f.Do(claimCall(1, "waiter")) }()
			f.awaitWorker("waiter")
			wake()
			select {
			case reply := <-got:
				if !strings.Contains(string(reply.Body), `"workerId":"waiter"`) {
					t.Errorf("%d %s", reply.Status, reply.Body)
				}
			case <-time.After(longPoll / 2):
				t.Fatal("the waiting claimWork was not woken")
			}
		})
	}
}

// awaitWorker waits until a worker's claimWork has reached the queue.
func (f fixture) awaitWorker(id string) {
	for f.Do(apitest.Call{Method: "queue.getWorker", Args: []string{"prov", "pool", "g", id}}).Status != 200 {
		time.Sleep(time.Millisecond)
	}
}

// TestAbandonedClaim: a worker that has gone away must not get a task.
func TestAbandonedClaim(t *testing.T) {
	f := start(t, longPoll)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	handler := f.queue.Service().Handlers["claimWork"]
	go func() {
		_, err := handler(ctx, &api.Request{
			Params: map[string]string{"taskQueueId": queueID}, Body: []byte(`{"tasks":1,"workerGroup":"g","workerId":"gone"}`),
			Authorize: func(map[string]any) error { return nil },
		})
		done <- err
	}()
	f.awaitWorker("gone")
	cancel()
	if err := <-done; err == nil {
		t.Error("an abandoned claimWork was answered")
	}
	id := f.create(nil)
	if s := f.status(id); s.State != "pending" {
		t.Errorf("the task is %s", s.State)
	}
	if _, err := handler(ctx, &api.Request{
		Params: map[string]string{"taskQueueId": queueID}, Body: []byte(`{"tasks":1,"workerGroup":"g","workerId":"gone"}`),
		Authorize: func(map[string]any) error { return nil },
	}); err == nil {
		t.Error("a claimWork that was abandoned before it began was answered")
	}
	if s := f.status(id); s.State != "pending" {
		t.Errorf("the task is %s", s.State)
	}
}

func TestQuarantinedWorker(t *testing.T) {
	f := start(t, shortPoll)
	f.claim(1)
	worker := []string{"prov", "pool", "g", "w"}
	var got struct {
		QuarantineUntil   string
		QuarantineDetails []struct{ ClientID, QuarantineInfo string }
	}
	f.OK(apitest.Call{
		Method: "queue.quarantineWorker", Args: worker,
		Body: object{"quarantineUntil": f.Now().Add(time.Hour), "quarantineInfo": "noisy"},
	}, &got)
	if got.QuarantineUntil != stamp(f.Now().Add(time.Hour)) || len(got.QuarantineDetails) != 1 || got.QuarantineDetails[0].QuarantineInfo != "noisy" {
		t.Errorf("%+v", got)
	}
	id := f.create(nil)
	begin := time.Now()
	if claims := f.claim(1); len(claims) != 0 {
		t.Fatalf("a quarantined worker claimed %+v", claims)
	}
	if waited := time.Since(begin); waited < shortPoll {
		t.Errorf("replied after %v, before the long poll's end", waited)
	}
	f.pass(30 * time.Minute)
	f.OK(apitest.Call{Method: "queue.quarantineWorker", Args: worker, Body: object{"quarantineUntil": f.Now().Add(-time.Second)}}, nil)
	if claims := f.claim(1); len(claims) != 1 || claims[0].Status.TaskID != id {
		t.Errorf("after its quarantine the worker claimed %+v", claims)
	}
	worker[3] = "nobody"
	f.refused(apitest.Call{Method: "queue.quarantineWorker", Args: worker, Body: object{"quarantineUntil": f.Now()}}, 404, "ResourceNotFound", "")
}

func TestClaimTask(t *testing.T) {
	f := start(t, shortPoll)
	id := f.create(nil)
	call := func(worker string) apitest.Call {
		return apitest.Call{Method: "queue.claimTask", Args: []string{id, "0"}, Body: object{"workerGroup": "g", "workerId": worker}}
	}
	var first, again claim
	f.OK(call("a"), &first)
	f.Advance(time.Second)
	f.OK(call("a"), &again)
	if first.Status.State != "running" || again.TakenUntil != first.TakenUntil {
		t.Errorf("first %+v\nagain %+v", first, again)
	}
	f.refused(call("b"), 409, "RequestConflict", "Run 0 of task `"+id+"` is already claimed or resolved.")
	f.pass(time.Hour)
	f.refused(call("a"), 409, "RequestConflict", "")
	denied := call("a")
	denied.Scopes = []string{"queue:claim-task:" + queueID}
	f.refused(denied, 403, "InsufficientScopes", "")
}

// TestTaskPastDeadline: a task whose deadline has come must not be claimed, even when its
// timer is late, and must not hide those behind it.
func TestTaskPastDeadline(t *testing.T) {
	f := start(t, shortPoll)
	f.create(object{"deadline": f.Now().Add(time.Minute)})
	f.Advance(time.Minute)
	next := f.create(nil)
	if claims := f.claim(1); len(claims) != 1 || claims[0].Status.TaskID != next {
		t.Errorf("claimed %+v", claims)
	}
}

// TestManyWorkers: tasks that come while many workers wait go to one worker each, and nobody
// sleeps through one.
func TestManyWorkers(t *testing.T) {
	const workers, each = 8, 10
	f := start(t, longPoll)
	begin := time.Now()
	claimed := make(chan string, workers*each)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				var reply struct{ Tasks []claim }
				f.OK(claimCall(1, fmt.Sprintf("w%d", w)), &reply)
				if len(reply.Tasks) == 1 {
					claimed <- reply.Tasks[0].Status.TaskID
				}
			}
		})
	}
	made := map[string]bool{}
	for range workers * each {
		made[f.create(nil)] = true
	}
	wg.Wait()
	close(claimed)
	for id := range claimed {
		if !made[id] {
			t.Errorf("task %s was claimed twice, or by a ghost", id)
		}
		delete(made, id)
	}
	if len(made) > 0 || time.Since(begin) >= longPoll {
		t.Errorf("%d tasks were not claimed, after %v", len(made), time.Since(begin))
	}
}
