package queue_test

import (
	"slices"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/api/apitest"
)

func TestDependencies(t *testing.T) {
	ends := map[string]func(fixture, string){
		"completed": func(f fixture, id string) { f.call("reportCompleted", nil, id, "0") },
		"failed":    func(f fixture, id string) { f.call("reportFailed", nil, id, "0") },
		"exception": func(f fixture, id string) { f.call("cancelTask", nil, id) },
	}
	for name, tc := range map[string]struct {
		requires string
		ends     []string // how the dependencies end, one after another
		want     string
	}{
		"all completed":              {"all-completed", []string{"completed", "completed"}, "pending"},
		"one missing":                {"all-completed", []string{"completed"}, "unscheduled"},
		"one failed":                 {"all-completed", []string{"completed", "failed"}, "unscheduled"},
		"one exception":              {"all-completed", []string{"exception", "completed"}, "unscheduled"},
		"all resolved":               {"all-resolved", []string{"failed", "exception"}, "pending"},
		"all resolved, one missing":  {"all-resolved", []string{"failed"}, "unscheduled"},
		"all resolved and completed": {"all-resolved", []string{"completed", "completed"}, "pending"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, shortPoll)
			on := []string{f.running(nil), f.running(nil)}
			before := object{"dependencies": on, "requires": tc.requires}
			early := f.create(before)
			if s := f.status(early); s.State != "unscheduled" || len(s.Runs) != 0 {
				t.Fatalf("starts as %+v", s)
			}
			for i, end := range tc.ends {
				ends[end](f, on[i])
			}
			if s := f.status(early); s.State != tc.want {
				t.Errorf("made before its dependencies ended, it is %s, want %s", s.State, tc.want)
			}
			if s := f.status(f.create(before)); s.State != tc.want {
				t.Errorf("made after its dependencies ended, it is %s, want %s", s.State, tc.want)
			}
		})
	}
}

func TestDependencyRerun(t *testing.T) {
	f := start(t, shortPoll)
	first := f.running(nil)
	id := f.create(object{"dependencies": []string{first}})
	f.call("reportFailed", nil, first, "0")
	f.call("rerunTask", nil, first)
	f.claim(1)
	f.call("reportCompleted", nil, first, "1")
	if s := f.status(id); s.State != "pending" {
		t.Errorf("after its dependency completed at last, the task is %s", s.State)
	}
}

func TestDependencyOnItself(t *testing.T) {
	f := start(t, shortPoll)
	id := slugid.Nice()
	f.OK(apitest.Call{Method: "queue.createTask", Args: []string{id}, Body: f.definition(object{"dependencies": []string{id}})}, nil)
	if s := f.status(id); s.State != "unscheduled" {
		t.Fatalf("starts as %s", s.State)
	}
	if s := f.call("scheduleTask", nil, id); s.State != "pending" || s.runs()[0] != "pending/scheduled/" {
		t.Errorf("scheduled: %+v", s)
	}
	f.claim(1)
	if s := f.call("reportCompleted", nil, id, "0"); s.State != "completed" || len(s.Runs) != 1 {
		t.Errorf("completed: %+v", s)
	}
}

func TestScheduleIgnoresDependencies(t *testing.T) {
	f := start(t, shortPoll)
	first := f.running(nil)
	id := f.create(object{"dependencies": []string{first}})
	f.call("scheduleTask", nil, id)
	if claims := f.claim(1); len(claims) != 1 || claims[0].Status.TaskID != id {
		t.Fatalf("claimed %+v", claims)
	}
	f.call("reportCompleted", nil, first, "0")
	if s := f.status(id); s.State != "running" || len(s.Runs) != 1 {
		t.Errorf("its dependency completed while it ran: %+v", s)
	}
	late := f.create(object{"dependencies": []string{f.create(nil)}, "deadline": f.Now().Add(time.Minute)})
	f.Advance(time.Minute)
	f.refused(apitest.Call{Method: "queue.scheduleTask", Args: []string{late}}, 409, "RequestConflict", "")
}

func TestListDependentTasks(t *testing.T) {
	f := start(t, shortPoll)
	first := f.create(nil)
	want := []string{}
	for range 5 {
		want = append(want, f.create(object{"dependencies": []string{first}}))
	}
	gone := f.create(object{"dependencies": []string{first}, "deadline": f.Now().Add(time.Minute), "expires": f.Now().Add(2 * time.Minute)})
	f.pass(2 * time.Minute)
	f.refused(apitest.Call{Method: "queue.status", Args: []string{gone}}, 404, "ResourceNotFound", "")
	slices.Sort(want)
	got, token := []string{}, ""
	for {
		var page struct {
			TaskID            string
			Tasks             []struct{ Status status }
			ContinuationToken string
		}
		q := query("limit", "2")
		if token != "" {
			q.Set("continuationToken", token)
		}
		f.OK(apitest.Call{Method: "queue.listDependentTasks", Args: []string{first}, Query: q}, &page)
		if page.TaskID != first || len(page.Tasks) > 2 {
			t.Errorf("page %+v", page)
		}
		for _, item := range page.Tasks {
			got = append(got, item.Status.TaskID)
		}
		if token = page.ContinuationToken; token == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
