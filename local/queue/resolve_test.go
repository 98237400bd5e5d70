package queue_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/local/api/apitest"
)

// TestResolutions walks every way in which a run ends, from each state it can end in.
func TestResolutions(t *testing.T) {
	exception := func(reason string) func(fixture, string) {
		return func(f fixture, id string) { f.call("reportException", object{"reason": reason}, id, "0") }
	}
	cancel := func(f fixture, id string) { f.call("cancelTask", nil, id) }
	deadline := func(f fixture, _ string) { f.pass(2 * time.Hour) }
	expire := func(f fixture, _ string) { f.pass(20*time.Minute + 3*time.Second) }
	remove := func(f fixture, _ string) {
		if err := f.queue.ResolveClaimedBy(f.t.Context(), queueID, "g", "w"); err != nil {
			f.t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		from    string // unscheduled, pending or running
		end     func(fixture, string)
		retries int
		state   string
		runs    []string
		left    int
	}{
		"completed":            {"running", func(f fixture, id string) { f.call("reportCompleted", nil, id, "0") }, 2, "completed", []string{"completed/scheduled/completed"}, 2},
		"failed":               {"running", func(f fixture, id string) { f.call("reportFailed", nil, id, "0") }, 2, "failed", []string{"failed/scheduled/failed"}, 2},
		"malformed-payload":    {"running", exception("malformed-payload"), 2, "exception", []string{"exception/scheduled/malformed-payload"}, 2},
		"resource-unavailable": {"running", exception("resource-unavailable"), 2, "exception", []string{"exception/scheduled/resource-unavailable"}, 2},
		"internal-error":       {"running", exception("internal-error"), 2, "exception", []string{"exception/scheduled/internal-error"}, 2},

		"worker-shutdown":                {"running", exception("worker-shutdown"), 2, "pending", []string{"exception/scheduled/worker-shutdown", "pending/retry/"}, 1},
		"worker-shutdown, no retries":    {"running", exception("worker-shutdown"), 0, "exception", []string{"exception/scheduled/worker-shutdown"}, 0},
		"intermittent-task":              {"running", exception("intermittent-task"), 2, "pending", []string{"exception/scheduled/intermittent-task", "pending/task-retry/"}, 1},
		"intermittent-task, no retries":  {"running", exception("intermittent-task"), 0, "exception", []string{"exception/scheduled/intermittent-task"}, 0},
		"claim-expired":                  {"running", expire, 2, "pending", []string{"exception/scheduled/claim-expired", "pending/retry/"}, 1},
		"claim-expired, no retries":      {"running", expire, 0, "exception", []string{"exception/scheduled/claim-expired"}, 0},
		"worker removed":                 {"running", remove, 2, "pending", []string{"exception/scheduled/worker-shutdown", "pending/retry/"}, 1},
		"worker removed, holds nothing":  {"pending", remove, 2, "pending", []string{"pending/scheduled/"}, 2},
		"canceled running":               {"running", cancel, 2, "exception", []string{"exception/scheduled/canceled"}, 2},
		"canceled pending":               {"pending", cancel, 2, "exception", []string{"exception/scheduled/canceled"}, 2},
		"canceled unscheduled":           {"unscheduled", cancel, 2, "exception", []string{"exception/exception/canceled"}, 2},
		"deadline-exceeded running":      {"running", deadline, 0, "exception", []string{"exception/scheduled/claim-expired"}, 0},
		"deadline-exceeded pending":      {"pending", deadline, 2, "exception", []string{"exception/scheduled/deadline-exceeded"}, 2},
		"deadline-exceeded unscheduled":  {"unscheduled", deadline, 2, "exception", []string{"exception/exception/deadline-exceeded"}, 2},
		"deadline before the claim ends": {"running", func(f fixture, _ string) { f.pass(15 * time.Minute) }, 2, "exception", []string{"exception/scheduled/deadline-exceeded"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, shortPoll)
			changes := object{"retries": tc.retries}
			if strings.HasPrefix(name, "deadline before") {
				changes["deadline"] = f.Now().Add(10 * time.Minute)
			}
			if tc.from == "unscheduled" {
				changes["dependencies"] = []string{f.create(object{"taskQueueId": "prov/other"})}
			}
			id := f.create(changes)
			if tc.from == "running" {
				f.claim(1)
			}
			if s := f.status(id); s.State != tc.from {
				t.Fatalf("starts as %s", s.State)
			}
			f.Advance(time.Second)
			tc.end(f, id)
			s := f.status(id)
			if s.State != tc.state || s.RetriesLeft != tc.left || !slices.Equal(s.runs(), tc.runs) {
				t.Errorf("%s %v, %d retries left; want %s %v, %d", s.State, s.runs(), s.RetriesLeft, tc.state, tc.runs, tc.left)
			}
			if r := s.Runs[0]; tc.state != "pending" && r.Resolved != stamp(f.Now()) {
				t.Errorf("resolved %s, want %s", r.Resolved, stamp(f.Now()))
			}
			f.checkIndexes(id)
		})
	}
}

// checkIndexes: what the queue lists must follow from the task's state.
func (f fixture) checkIndexes(id string) {
	f.t.Helper()
	listed := func(method string) bool {
		var reply struct{ Tasks []struct{ TaskID string } }
		f.OK(apitest.Call{Method: "queue." + method, Args: []string{queueID}}, &reply)
		return slices.ContainsFunc(reply.Tasks, func(t struct{ TaskID string }) bool { return t.TaskID == id })
	}
	state := f.status(id).State
	if pending := listed("listPendingTasks"); pending != (state == "pending") {
		f.t.Errorf("a task that is %s: listed as pending: %v", state, pending)
	}
	if claimed := listed("listClaimedTasks"); claimed != (state == "running") {
		f.t.Errorf("a task that is %s: listed as claimed: %v", state, claimed)
	}
}

// TestReportAgain: to report the same again changes nothing, to report anything else is a 409.
func TestReportAgain(t *testing.T) {
	reports := map[string]func(string) apitest.Call{
		"completed": func(id string) apitest.Call {
			return apitest.Call{Method: "queue.reportCompleted", Args: []string{id, "0"}}
		},
		"failed": func(id string) apitest.Call {
			return apitest.Call{Method: "queue.reportFailed", Args: []string{id, "0"}}
		},
	}
	for _, reason := range []string{"worker-shutdown", "malformed-payload", "resource-unavailable", "internal-error", "intermittent-task"} {
		reports[reason] = func(id string) apitest.Call {
			return apitest.Call{Method: "queue.reportException", Args: []string{id, "0"}, Body: object{"reason": reason}}
		}
	}
	messages := map[string]string{
		"queue.reportCompleted": "Run 0 of task `%` is not running or completed.",
		"queue.reportFailed":    "Run 0 of task `%` is not running or failed.",
		"queue.reportException": "Run 0 on task `%` is resolved or not running.",
	}
	for first, report := range reports {
		t.Run(first, func(t *testing.T) {
			f := start(t, shortPoll)
			id := f.running(nil)
			f.OK(report(id), nil)
			want := f.status(id)
			for second, again := range reports {
				call := again(id)
				if second == first {
					f.OK(call, nil)
					continue
				}
				f.refused(call, 409, "RequestConflict", strings.Replace(messages[call.Method], "%", id, 1))
			}
			if diff := cmp.Diff(want, f.status(id)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReclaim(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(nil)
	f.pass(10 * time.Minute)
	var got struct {
		Status      status
		RunID       int
		TakenUntil  string
		Credentials struct{ ClientID string }
		Task        object
	}
	f.OK(apitest.Call{Method: "queue.reclaimTask", Args: []string{id, "0"}}, &got)
	until := stamp(f.Now().Add(20 * time.Minute))
	if got.TakenUntil != until || got.Status.Runs[0].TakenUntil != until || got.Task != nil || got.Credentials.ClientID == "" {
		t.Errorf("%+v", got)
	}
	f.pass(15 * time.Minute) // past the first takenUntil
	if s := f.status(id); s.State != "running" {
		t.Fatalf("a reclaimed task is %s", s.State)
	}
	f.pass(5*time.Minute + 2*time.Second)
	if s := f.status(id); s.State != "running" {
		t.Errorf("two seconds after takenUntil the task is %s", s.State)
	}
	f.pass(time.Second)
	if s := f.status(id); s.State != "pending" || s.runs()[0] != "exception/scheduled/claim-expired" {
		t.Errorf("three seconds after takenUntil the task is %s %v", s.State, s.runs())
	}
}

func TestReclaimRefused(t *testing.T) {
	for name, end := range map[string]func(fixture, string){
		"canceled":  func(f fixture, id string) { f.call("cancelTask", nil, id) },
		"completed": func(f fixture, id string) { f.call("reportCompleted", nil, id, "0") },
		"expired":   func(f fixture, _ string) { f.pass(21 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, shortPoll)
			id := f.running(nil)
			end(f, id)
			f.refused(apitest.Call{Method: "queue.reclaimTask", Args: []string{id, "0"}}, 409, "RequestConflict",
				"Run 0 on task `"+id+"` is resolved or not running.")
		})
	}
	f := start(t, shortPoll)
	id := f.running(object{"deadline": f.Now().Add(time.Minute)})
	f.Advance(time.Minute)
	f.refused(apitest.Call{Method: "queue.reclaimTask", Args: []string{id, "0"}}, 409, "RequestConflict", "")
	f.refused(apitest.Call{Method: "queue.reclaimTask", Args: []string{id, "0"}, Scopes: []string{"queue:reclaim-task:" + id + "/1"}},
		403, "InsufficientScopes", "")
}

func TestRetriesRunOut(t *testing.T) {
	f := start(t, shortPoll)
	id := f.create(object{"retries": 2})
	for run := range 3 {
		if claims := f.claim(1); len(claims) != 1 || claims[0].RunID != run {
			t.Fatalf("run %d: claimed %+v", run, claims)
		}
		f.call("reportException", object{"reason": "worker-shutdown"}, id, number(run))
	}
	want := []string{"exception/scheduled/worker-shutdown", "exception/retry/worker-shutdown", "exception/retry/worker-shutdown"}
	if s := f.status(id); s.State != "exception" || s.RetriesLeft != 0 || !slices.Equal(s.runs(), want) {
		t.Errorf("%+v", s)
	}
	s := f.call("rerunTask", nil, id)
	if s.State != "pending" || s.RetriesLeft != 2 || s.runs()[3] != "pending/rerun/" {
		t.Errorf("rerun: %+v", s)
	}
}

func TestRerun(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(nil)
	if s := f.call("rerunTask", nil, id); s.State != "running" || len(s.Runs) != 1 {
		t.Errorf("rerun of a running task: %+v", s)
	}
	for run := range 49 {
		f.call("reportFailed", nil, id, number(run))
		f.call("rerunTask", nil, id)
		f.claim(1)
	}
	f.call("reportFailed", nil, id, "49")
	f.refused(apitest.Call{Method: "queue.rerunTask", Args: []string{id}}, 409, "RequestConflict",
		"Task `"+id+"` can't be rerun: the task has had as many runs as a task may have.")
	late := f.running(nil)
	f.call("reportFailed", nil, late, "0")
	f.pass(time.Hour)
	f.refused(apitest.Call{Method: "queue.rerunTask", Args: []string{late}}, 409, "RequestConflict", "")
}

func TestRerunHasADeadlineAgain(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(nil)
	f.call("reportCompleted", nil, id, "0")
	f.call("rerunTask", nil, id)
	f.pass(time.Hour)
	want := []string{"completed/scheduled/completed", "exception/rerun/deadline-exceeded"}
	if s := f.status(id); !slices.Equal(s.runs(), want) {
		t.Errorf("%v, want %v", s.runs(), want)
	}
}

func TestCancelIsIdempotent(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(nil)
	f.call("reportCompleted", nil, id, "0")
	if s := f.call("cancelTask", nil, id); s.State != "completed" {
		t.Errorf("cancel of a completed task: %+v", s)
	}
	if s := f.call("scheduleTask", nil, id); s.State != "completed" {
		t.Errorf("schedule of a completed task: %+v", s)
	}
}

func TestActionScopes(t *testing.T) {
	f := start(t, shortPoll)
	id := f.create(object{"schedulerId": "sched", "projectId": "proj"})
	for method, verb := range map[string]string{"cancelTask": "cancel", "rerunTask": "rerun", "scheduleTask": "schedule"} {
		for _, scopes := range [][]string{
			{"queue:" + verb + "-task:sched/" + id + "/" + id},
			{"queue:" + verb + "-task-in-project:proj"},
			{"queue:" + verb + "-task", "assume:scheduler-id:sched/" + id},
		} {
			f.OK(apitest.Call{Method: "queue." + method, Args: []string{id}, Scopes: scopes}, nil)
		}
		f.refused(apitest.Call{Method: "queue." + method, Args: []string{id}, Scopes: []string{"queue:" + verb + "-task-in-project:other"}},
			403, "InsufficientScopes", "")
	}
}

func TestOnCompleted(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(object{"routes": []string{"index.a.b"}, "extra": object{"index": object{"rank": 7}}})
	f.call("reportCompleted", nil, id, "0")
	f.call("reportCompleted", nil, id, "0")
	f.call("reportFailed", nil, f.running(nil), "0")
	if len(*f.completed) != 1 {
		t.Fatalf("told of %d completions, want 1", len(*f.completed))
	}
	got := (*f.completed)[0]
	if got.TaskID != id || got.RunID != 0 || !slices.Equal(got.Routes, []string{"index.a.b"}) ||
		string(got.Extra) != `{"index":{"rank":7}}` || !got.Expires.Equal(f.Now().Add(24*time.Hour)) {
		t.Errorf("%+v", got)
	}
}
