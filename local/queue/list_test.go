package queue_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/local/api/apitest"
)

func TestCounts(t *testing.T) {
	f := start(t, shortPoll)
	for range 3 {
		f.create(nil)
	}
	f.create(object{"taskQueueId": "prov/pool2"})
	claimed := f.claim(1)[0].Status.TaskID
	var counts object
	f.OK(apitest.Call{Method: "queue.taskQueueCounts", Args: []string{queueID}}, &counts)
	want := object{"provisionerId": "prov", "workerType": "pool", "taskQueueId": queueID, "pendingTasks": 2.0, "claimedTasks": 1.0}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
	counts = nil
	delete(want, "claimedTasks")
	f.OK(apitest.Call{Method: "queue.pendingTasks", Args: []string{queueID}}, &counts)
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
	var list struct {
		Tasks []struct {
			TaskID, WorkerID, Claimed, Inserted string
			Task                                object
		}
		ContinuationToken string
	}
	f.OK(apitest.Call{Method: "queue.listClaimedTasks", Args: []string{queueID}}, &list)
	if len(list.Tasks) != 1 || list.Tasks[0].TaskID != claimed || list.Tasks[0].WorkerID != "w" || list.Tasks[0].Claimed != stamp(f.Now()) {
		t.Errorf("claimed %+v", list)
	}
	f.OK(apitest.Call{Method: "queue.listPendingTasks", Args: []string{queueID}, Query: query("limit", "1")}, &list)
	if len(list.Tasks) != 1 || list.Tasks[0].Inserted != stamp(f.Now()) || list.Tasks[0].Task["taskQueueId"] != queueID || list.ContinuationToken == "" {
		t.Errorf("pending %+v", list)
	}
}

func TestTaskQueues(t *testing.T) {
	f := start(t, shortPoll)
	for _, id := range []string{"a/x", "a/y", "b/x"} {
		f.create(object{"taskQueueId": id})
	}
	var list struct {
		TaskQueues   []struct{ TaskQueueID string }
		WorkerTypes  []struct{ WorkerType, ProvisionerID string }
		Provisioners []struct{ ProvisionerID, LastDateActive string }
	}
	f.OK(apitest.Call{Method: "queue.listTaskQueues"}, &list)
	f.OK(apitest.Call{Method: "queue.listWorkerTypes", Args: []string{"a"}}, &list)
	f.OK(apitest.Call{Method: "queue.listProvisioners"}, &list)
	if len(list.TaskQueues) != 3 || len(list.WorkerTypes) != 2 || list.WorkerTypes[1].WorkerType != "y" || len(list.Provisioners) != 2 {
		t.Errorf("%+v", list)
	}
	f.OK(apitest.Call{Method: "queue.getTaskQueue", Args: []string{"a/x"}}, nil)
	f.OK(apitest.Call{Method: "queue.getWorkerType", Args: []string{"a", "x"}}, nil)
	f.Advance(time.Hour)
	f.create(object{"taskQueueId": "a/y"})
	var one struct{ LastDateActive string }
	f.OK(apitest.Call{Method: "queue.getProvisioner", Args: []string{"a"}}, &one)
	if one.LastDateActive != stamp(f.Now()) {
		t.Errorf("provisioner a was last active %s", one.LastDateActive)
	}
	f.Advance(5*24*time.Hour - time.Minute)
	f.refused(apitest.Call{Method: "queue.getTaskQueue", Args: []string{"a/x"}}, 404, "ResourceNotFound", "")
	f.refused(apitest.Call{Method: "queue.getProvisioner", Args: []string{"b"}}, 404, "ResourceNotFound", "")
	f.OK(apitest.Call{Method: "queue.getTaskQueue", Args: []string{"a/y"}}, nil)
}

func TestWorkers(t *testing.T) {
	f := start(t, shortPoll)
	var ids []string
	for range 22 {
		ids = append(ids, f.running(nil))
	}
	f.Do(claimCall(1, "idle"))
	var got struct {
		FirstClaim, LastDateActive, Expires, TaskQueueID string
		RecentTasks                                      []struct{ TaskID string }
	}
	f.OK(apitest.Call{Method: "queue.getWorker", Args: []string{"prov", "pool", "g", "w"}}, &got)
	recent := []string{}
	for _, r := range got.RecentTasks {
		recent = append(recent, r.TaskID)
	}
	if !slices.Equal(recent, ids[2:]) || got.FirstClaim != stamp(f.Now()) || got.TaskQueueID != queueID {
		t.Errorf("worker %+v", got)
	}
	f.OK(apitest.Call{Method: "queue.quarantineWorker", Args: []string{"prov", "pool", "g", "w"}, Body: object{"quarantineUntil": f.Now().Add(time.Hour)}}, nil)
	list := func(pairs ...string) []string {
		var reply struct {
			Workers []struct {
				WorkerID   string
				LatestTask struct{ TaskID string }
			}
		}
		f.OK(apitest.Call{Method: "queue.listWorkers", Args: []string{"prov", "pool"}, Query: query(pairs...)}, &reply)
		names := []string{}
		for _, w := range reply.Workers {
			names = append(names, w.WorkerID)
			if w.WorkerID == "w" && w.LatestTask.TaskID != ids[21] {
				t.Errorf("latest task %s", w.LatestTask.TaskID)
			}
		}
		return names
	}
	for _, tc := range []struct {
		query []string
		want  []string
	}{
		{nil, []string{"idle", "w"}},
		{[]string{"quarantined", "true"}, []string{"w"}},
		{[]string{"quarantined", "false"}, []string{"idle"}},
	} {
		if got := list(tc.query...); !slices.Equal(got, tc.want) {
			t.Errorf("listWorkers %v: %v, want %v", tc.query, got, tc.want)
		}
	}
	f.Advance(5 * 24 * time.Hour)
	if got := list(); len(got) != 0 {
		t.Errorf("workers that nobody heard of for five days are listed: %v", got)
	}
	f.OK(apitest.Call{
		Method: "queue.declareWorker", Args: []string{"prov", "pool", "g", "w"},
		Body: object{"expires": f.Now().Add(time.Hour)}, Scopes: []string{"queue:declare-worker:prov/pool/g/w#expires"},
	}, nil)
	if got := list(); !slices.Equal(got, []string{"w"}) {
		t.Errorf("after declareWorker: %v", got)
	}
}
