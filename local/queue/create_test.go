package queue_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/api/apitest"
)

func TestCreateFillsInDefaults(t *testing.T) {
	f := start(t, shortPoll)
	id := f.create(object{"expires": nil, "payload": object{"big": 12345678901234567}})
	var got object
	f.OK(apitest.Call{Method: "queue.task", Args: []string{id}}, &got)
	want := object{
		"provisionerId": "prov", "workerType": "pool", "taskQueueId": queueID, "schedulerId": "-", "projectId": "none",
		"taskGroupId": id, "dependencies": []any{}, "requires": "all-completed", "routes": []any{}, "priority": "lowest",
		"retries": 5.0, "created": stamp(f.Now()), "deadline": stamp(f.Now().Add(time.Hour)),
		"expires": stamp(f.Now().Add(time.Hour).AddDate(1, 0, 0)), "scopes": []any{}, "payload": object{"big": 12345678901234567.0},
		"metadata": f.definition(nil)["metadata"], "tags": object{}, "extra": object{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s := f.status(id)
	if s.State != "pending" || s.RetriesLeft != 5 || !slices.Equal(s.runs(), []string{"pending/scheduled/"}) {
		t.Errorf("status %+v", s)
	}
}

func TestCreateIsIdempotent(t *testing.T) {
	f := start(t, shortPoll)
	id := slugid.Nice()
	first := f.definition(object{"payload": object{"a": 1, "b": object{"c": 10000000000000001}}})
	again := f.definition(object{"payload": object{"b": object{"c": 10000000000000001}, "a": 1}, "retries": 5})
	create := func(body object) apitest.Call {
		return apitest.Call{Method: "queue.createTask", Args: []string{id}, Body: body}
	}
	f.OK(create(first), nil)
	f.claim(1)
	var reply struct{ Status status }
	f.OK(create(again), &reply)
	if reply.Status.State != "running" {
		t.Errorf("the second createTask says %s, want the state the task is in", reply.Status.State)
	}
	other := f.definition(object{"payload": object{"a": 1, "b": object{"c": 10000000000000002}}})
	refused := f.Do(create(other))
	if refused.Status != 409 || refused.Code != "RequestConflict" || !strings.HasPrefix(refused.Message, "taskId `"+id+"` already used by another task.\n") {
		t.Errorf("another definition: %d %s %s", refused.Status, refused.Code, refused.Message)
	}
}

func TestCreateRefusesBadTasks(t *testing.T) {
	f := start(t, shortPoll)
	now := f.Now()
	short := f.create(object{"deadline": now.Add(time.Minute), "expires": now.Add(2 * time.Minute)})
	missing := slugid.Nice()
	for name, tc := range map[string]struct {
		changes object
		message string
	}{
		"deadline too far":   {object{"deadline": now.Add(5*24*time.Hour + 16*time.Minute), "expires": nil}, "Deadline cannot be more than 5 days into the future"},
		"deadline past":      {object{"created": now.Add(-time.Minute), "deadline": now.Add(-time.Second)}, "Deadline cannot be in the past"},
		"created late":       {object{"created": now.Add(time.Minute), "deadline": now.Add(time.Second)}, "Deadline cannot be past created"},
		"created long ago":   {object{"created": now.Add(-16 * time.Minute)}, "Created timestamp cannot be in the past (max 15min drift)"},
		"created tomorrow":   {object{"created": now.Add(16 * time.Minute)}, "Created timestamp cannot be in the future (max 15min drift)"},
		"expires early":      {object{"expires": now.Add(time.Minute)}, "Expires cannot be before the deadline"},
		"no queue":           {object{"taskQueueId": nil}, "at least a provisionerId and a workerType or a taskQueueId must be provided"},
		"two queues":         {object{"workerType": "other"}, "taskQueueId must match \"{provisionerId}/{workerType}\" when these are given"},
		"two stars":          {object{"scopes": []string{"a:**"}}, "scope \"a:**\" must not end with two stars"},
		"unknown dependency": {object{"dependencies": []string{missing}}, "`task.dependencies` references non-existing tasks: " + missing + "\nAll taskIds in `task.dependencies` **must** exist before the task is created."},
		"brief dependency":   {object{"dependencies": []string{short}}, "`task.dependencies` references tasks that expire before `task.deadline`, this is not allowed: " + short},
	} {
		t.Run(name, func(t *testing.T) {
			f := f
			f.t = t
			id := slugid.Nice()
			f.refused(apitest.Call{Method: "queue.createTask", Args: []string{id}, Body: f.definition(tc.changes)}, 400, "InputError", tc.message)
			f.refused(apitest.Call{Method: "queue.task", Args: []string{id}}, 404, "ResourceNotFound", "")
		})
	}
	f.refused(apitest.Call{Method: "queue.createTask", Args: []string{slugid.Nice()}, Body: f.definition(object{"metadata": nil})},
		400, "InputValidationError", "")
}

func TestCreateByProvisionerAndWorkerType(t *testing.T) {
	f := start(t, shortPoll)
	id := f.create(object{"taskQueueId": nil, "provisionerId": "prov", "workerType": "pool"})
	if c := f.claim(1); len(c) != 1 || c[0].Status.TaskID != id {
		t.Errorf("claimed %+v", c)
	}
}

func TestCreateScopes(t *testing.T) {
	f := start(t, shortPoll)
	base := []string{"queue:scheduler-id:-", "queue:create-task:project:none"}
	queued := "queue:create-task:lowest:" + queueID
	for name, tc := range map[string]struct {
		changes object
		scopes  []string
		ok      bool
	}{
		"plain":               {nil, []string{queued}, true},
		"without priority":    {nil, nil, false},
		"higher covers lower": {object{"priority": "low"}, []string{"queue:create-task:high:" + queueID}, true},
		"lower not higher":    {object{"priority": "high"}, []string{"queue:create-task:low:" + queueID}, false},
		"route":               {object{"routes": []string{"index.a"}}, []string{queued, "queue:route:index.*"}, true},
		"route missing":       {object{"routes": []string{"index.a"}}, []string{queued}, false},
		"task scope":          {object{"scopes": []string{"secrets:get:x"}}, []string{queued, "secrets:get:x"}, true},
		"task scope missing":  {object{"scopes": []string{"secrets:get:x"}}, []string{queued}, false},
		"other project":       {object{"projectId": "p"}, []string{queued}, false},
		"other scheduler":     {object{"schedulerId": "s"}, []string{queued}, false},
	} {
		t.Run(name, func(t *testing.T) {
			reply := f.Do(apitest.Call{
				Method: "queue.createTask", Args: []string{slugid.Nice()},
				Body: f.definition(tc.changes), Scopes: slices.Concat(base, tc.scopes),
			})
			if tc.ok && reply.Status != 200 || !tc.ok && (reply.Status != 403 || reply.Code != "InsufficientScopes") {
				t.Errorf("%d %s", reply.Status, reply.Message)
			}
		})
	}
}

func TestUnknownTask(t *testing.T) {
	f := start(t, shortPoll)
	id := slugid.Nice()
	message := "`" + id + "` does not correspond to a task that exists.\nAre you sure this task has already been submitted?"
	for _, method := range []string{
		"task", "status", "cancelTask", "scheduleTask", "rerunTask", "listDependentTasks", "listLatestArtifacts",
	} {
		f.refused(apitest.Call{Method: "queue." + method, Args: []string{id}}, 404, "ResourceNotFound", message)
	}
	for _, method := range []string{"reclaimTask", "reportCompleted", "reportFailed", "listArtifacts"} {
		f.refused(apitest.Call{Method: "queue." + method, Args: []string{id, "0"}}, 404, "ResourceNotFound", message)
	}
	known := f.create(nil)
	f.refused(apitest.Call{Method: "queue.reclaimTask", Args: []string{known, "1"}}, 404, "ResourceNotFound", "Run 1 not found on task `"+known+"`.")
}

func TestTasksAndStatuses(t *testing.T) {
	f := start(t, shortPoll)
	a, b := f.create(nil), f.create(nil)
	ask := object{"taskIds": []string{a, slugid.Nice(), b}}
	var tasks struct{ Tasks []struct{ TaskID string } }
	f.OK(apitest.Call{Method: "queue.tasks", Body: ask}, &tasks)
	if len(tasks.Tasks) != 2 || tasks.Tasks[0].TaskID != a || tasks.Tasks[1].TaskID != b {
		t.Errorf("tasks: %+v", tasks)
	}
	var page struct {
		Statuses          []struct{ TaskID string }
		ContinuationToken string
	}
	got, token := []string{}, ""
	for {
		page.Statuses, page.ContinuationToken = nil, ""
		q := query("limit", "1")
		if token != "" {
			q.Set("continuationToken", token)
		}
		f.OK(apitest.Call{Method: "queue.statuses", Body: ask, Query: q}, &page)
		for _, s := range page.Statuses {
			got = append(got, s.TaskID)
		}
		if token = page.ContinuationToken; token == "" {
			break
		}
	}
	if !slices.Equal(got, []string{a, b}) {
		t.Errorf("statuses by pages: %v", got)
	}
	f.refused(apitest.Call{Method: "queue.statuses", Body: ask, Scopes: []string{"queue:status:" + a}}, 403, "InsufficientScopes", "")
}
