package queue_test

import (
	"slices"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/api/apitest"
)

func TestTaskGroup(t *testing.T) {
	f := start(t, shortPoll)
	id := slugid.Nice()
	member := object{"taskGroupId": id, "schedulerId": "sched"}
	completed := f.running(member)
	f.call("reportCompleted", nil, completed, "0")
	running, pending := f.running(member), f.create(member)
	group := func(method string) apitest.Call {
		return apitest.Call{Method: "queue." + method, Args: []string{id}}
	}

	var list struct {
		TaskGroupID, SchedulerID, Expires string
		Tasks                             []struct{ Status status }
	}
	f.OK(group("listTaskGroup"), &list)
	got := []string{}
	for _, item := range list.Tasks {
		got = append(got, item.Status.TaskID)
	}
	want := []string{completed, running, pending}
	slices.Sort(want)
	if list.SchedulerID != "sched" || list.Expires != stamp(f.Now().Add(24*time.Hour)) || !slices.Equal(got, want) {
		t.Errorf("group %+v", list)
	}

	f.refused(apitest.Call{Method: "queue.createTask", Args: []string{slugid.Nice()}, Body: f.definition(object{"taskGroupId": id})},
		409, "RequestConflict", "")
	f.refused(group("cancelTaskGroup"), 409, "RequestConflict", "Task group `"+id+"` is not sealed: seal it before it is cancelled")
	denied := group("sealTaskGroup")
	denied.Scopes = []string{"queue:seal-task-group:other/*"}
	f.refused(denied, 403, "InsufficientScopes", "")

	var sealed, again struct{ Sealed string }
	f.OK(group("sealTaskGroup"), &sealed)
	f.Advance(time.Second)
	f.OK(group("sealTaskGroup"), &again)
	if sealed.Sealed == "" || again != sealed {
		t.Errorf("sealed %+v, again %+v", sealed, again)
	}
	f.refused(apitest.Call{Method: "queue.createTask", Args: []string{slugid.Nice()}, Body: f.definition(member)}, 409, "RequestConflict", "")

	var cancelled struct {
		TaskGroupSize, CancelledCount int
		TaskIDs                       []string
	}
	f.OK(group("cancelTaskGroup"), &cancelled)
	slices.Sort(cancelled.TaskIDs)
	want = []string{running, pending}
	slices.Sort(want)
	if cancelled.TaskGroupSize != 3 || cancelled.CancelledCount != 2 || !slices.Equal(cancelled.TaskIDs, want) {
		t.Errorf("cancelled %+v", cancelled)
	}
	for id, state := range map[string]string{completed: "completed", running: "exception", pending: "exception"} {
		if s := f.status(id); s.State != state {
			t.Errorf("a task is %s, want %s", s.State, state)
		}
	}
}

func TestTaskGroupExpires(t *testing.T) {
	f := start(t, shortPoll)
	id := slugid.Nice()
	f.create(object{"taskGroupId": id, "expires": f.Now().Add(2 * time.Hour)})
	last := f.create(object{"taskGroupId": id, "expires": f.Now().Add(3 * time.Hour)})
	f.pass(2 * time.Hour)
	var list struct{ Tasks []struct{ Status status } }
	f.OK(apitest.Call{Method: "queue.listTaskGroup", Args: []string{id}}, &list)
	if len(list.Tasks) != 1 || list.Tasks[0].Status.TaskID != last {
		t.Errorf("%+v", list)
	}
	f.pass(time.Hour)
	f.refused(apitest.Call{Method: "queue.getTaskGroup", Args: []string{id}}, 404, "ResourceNotFound", "No task-group with taskGroupId: `"+id+"`")
}
