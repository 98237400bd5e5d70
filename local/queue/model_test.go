package queue_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/queue"
	"github.com/workerkit/workerkit/local/store"
)

// modelTask is what a task should be, written without a look at the queue's code.
type modelTask struct {
	id            string
	priority      int // 0 is the most urgent
	retries, left int
	deadline      time.Time
	requires      string
	waits         map[string]bool
	runs          []string // "state/created/resolved"
	takenUntil    time.Time
	order         int // of its pending run among all
}

func (m *modelTask) state() string {
	if len(m.runs) == 0 {
		return "unscheduled"
	}
	state, _, _ := strings.Cut(m.runs[len(m.runs)-1], "/")
	return state
}

func (m *modelTask) resolved() bool {
	return slices.Contains([]string{"completed", "failed", "exception"}, m.state())
}

// machine runs a queue and its model side by side.
type machine struct {
	queue   *queue.Queue
	queueID string
	now     *time.Time
	tasks   []*modelTask
	order   int
}

func TestModel(t *testing.T) {
	now := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	rootURL := func() string { return "http://localhost" }
	dir := t.TempDir()
	db, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	blobs, err := blob.Open(filepath.Join(dir, "blobs"), blob.Options{RootURL: rootURL})
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.New(queue.Deps{
		Store: db, Issuer: issuer{}, Blob: blobs, RootURL: rootURL, Clock: clock, LongPoll: time.Nanosecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	pools := 0
	rapid.Check(t, func(r *rapid.T) {
		pools++
		m := &machine{queue: q, queueID: fmt.Sprintf("prov/p%d", pools), now: &now}
		r.Repeat(map[string]func(*rapid.T){
			"create": m.create, "claim": m.claim, "report": m.report, "reclaim": m.reclaim, "cancel": m.cancel,
			"rerun": m.rerun, "schedule": m.schedule, "pass": m.pass, "remove worker": m.removeWorker, "": m.check,
		})
	})
}

// call calls a handler and gives its reply as JSON, and the status of its error.
func (m *machine) call(r *rapid.T, method string, params map[string]string, body any) (json.RawMessage, int) {
	data, err := json.Marshal(body)
	if err != nil {
		r.Fatal(err)
	}
	reply, err := m.queue.Service().Handlers[method](r.Context(), &api.Request{
		Method: method, Params: params, Body: data, Authorize: func(map[string]any) error { return nil },
	})
	if refused, ok := errors.AsType[*api.Error](err); ok {
		return nil, refused.Status
	}
	if err != nil {
		r.Fatalf("%s: %v", method, err)
	}
	if data, err = json.Marshal(reply); err != nil {
		r.Fatal(err)
	}
	return data, 200
}

func (m *machine) pick(r *rapid.T) *modelTask {
	if len(m.tasks) == 0 {
		r.Skip("no task yet")
	}
	return rapid.SampledFrom(m.tasks).Draw(r, "task")
}

func (m *machine) create(r *rapid.T) {
	levels := []string{"highest", "very-high", "high", "medium", "low", "very-low", "lowest"}
	task := &modelTask{
		id:       slugid.Nice(),
		priority: rapid.IntRange(0, 6).Draw(r, "priority"),
		retries:  rapid.IntRange(0, 2).Draw(r, "retries"),
		deadline: m.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(r, "minutes")) * time.Minute),
		requires: rapid.SampledFrom([]string{"all-completed", "all-resolved"}).Draw(r, "requires"),
		waits:    map[string]bool{},
	}
	task.left = task.retries
	dependencies := []string{}
	for _, on := range m.tasks[max(0, len(m.tasks)-4):] {
		if rapid.Bool().Draw(r, "depends") {
			dependencies = append(dependencies, on.id)
			if !met(task, on) {
				task.waits[on.id] = true
			}
		}
	}
	_, status := m.call(r, "createTask", map[string]string{"taskId": task.id}, object{
		"taskQueueId": m.queueID, "priority": levels[task.priority], "retries": task.retries, "created": m.now,
		"deadline": task.deadline, "expires": m.now.Add(1000 * time.Hour), "dependencies": dependencies,
		"requires": task.requires, "payload": object{}, "metadata": object{},
	})
	if status != 200 {
		r.Fatalf("createTask: %d", status)
	}
	m.tasks = append(m.tasks, task)
	if len(task.waits) == 0 {
		m.add(task, "scheduled")
	}
}

func met(task, on *modelTask) bool {
	return on.state() == "completed" || task.requires == "all-resolved" && on.resolved()
}

// add gives a task another pending run.
func (m *machine) add(task *modelTask, reason string) {
	m.order++
	task.order = m.order
	task.runs = append(task.runs, "pending/"+reason+"/")
}

// end resolves the last run, and lets go who waited for it.
func (m *machine) end(task *modelTask, state, reason string) {
	last := len(task.runs) - 1
	created := strings.Split(task.runs[last], "/")[1]
	task.runs[last] = state + "/" + created + "/" + reason
	again := map[string]string{"worker-shutdown": "retry", "claim-expired": "retry", "intermittent-task": "task-retry"}[reason]
	if again != "" && task.left > 0 {
		task.left--
		m.add(task, again)
		return
	}
	waiting := slices.Clone(m.tasks)
	slices.SortFunc(waiting, func(a, b *modelTask) int { return strings.Compare(a.id, b.id) })
	for _, w := range waiting {
		if !w.waits[task.id] || !met(w, task) {
			continue
		}
		delete(w.waits, task.id)
		if len(w.waits) == 0 && len(w.runs) == 0 {
			m.add(w, "scheduled")
		}
	}
}

func (m *machine) abort(task *modelTask, reason string) {
	if task.resolved() {
		return
	}
	if len(task.runs) == 0 {
		m.add(task, "exception")
	}
	m.end(task, "exception", reason)
}

// pendingTasks are the tasks that may be claimed, the next first.
func (m *machine) pendingTasks() []*modelTask {
	var found []*modelTask
	for _, task := range m.tasks {
		if task.state() == "pending" {
			found = append(found, task)
		}
	}
	slices.SortFunc(found, func(a, b *modelTask) int {
		if a.priority != b.priority {
			return a.priority - b.priority
		}
		return a.order - b.order
	})
	return found
}

func (m *machine) claim(r *rapid.T) {
	n := rapid.IntRange(1, 3).Draw(r, "n")
	worker := rapid.SampledFrom([]string{"w1", "w2"}).Draw(r, "worker")
	data, status := m.call(r, "claimWork", map[string]string{"taskQueueId": m.queueID},
		object{"tasks": n, "workerGroup": "g", "workerId": worker})
	var got struct{ Tasks []claim }
	if err := json.Unmarshal(data, &got); err != nil || status != 200 {
		r.Fatal(status, err)
	}
	want := m.pendingTasks()
	want = want[:min(n, len(want))]
	if len(got.Tasks) != len(want) {
		r.Fatalf("claimed %d, want %d", len(got.Tasks), len(want))
	}
	for i, task := range want {
		if got.Tasks[i].Status.TaskID != task.id || got.Tasks[i].RunID != len(task.runs)-1 {
			r.Fatalf("claimed %+v, want %+v", got.Tasks[i], task)
		}
		last := len(task.runs) - 1
		created := strings.Split(task.runs[last], "/")[1]
		task.runs[last] = "running/" + created + "/" + worker // check takes the worker for what it is
		task.takenUntil = m.now.Add(20 * time.Minute)
	}
}

// drawRun draws a run of the task, which need not exist, and tells whether it is running.
func drawRun(r *rapid.T, task *modelTask) (id int, running bool) {
	id = rapid.IntRange(0, len(task.runs)).Draw(r, "run")
	return id, id < len(task.runs) && strings.HasPrefix(task.runs[id], "running/")
}

func runParams(task *modelTask, id int) map[string]string {
	return map[string]string{"taskId": task.id, "runId": number(id)}
}

func (m *machine) report(r *rapid.T) {
	task := m.pick(r)
	id, running := drawRun(r, task)
	reason := rapid.SampledFrom([]string{
		"completed", "failed", "worker-shutdown", "malformed-payload", "resource-unavailable", "internal-error", "intermittent-task",
	}).Draw(r, "reason")
	method, state, body := "reportException", "exception", object{"reason": reason}
	switch reason {
	case "completed":
		method, state, body = "reportCompleted", reason, nil
	case "failed":
		method, state, body = "reportFailed", reason, nil
	}
	_, status := m.call(r, method, runParams(task, id), body)
	want := 409
	switch {
	case id == len(task.runs):
		want = 404
	case running:
		want = 200
		m.end(task, state, reason)
	case strings.HasPrefix(task.runs[id], state+"/") && strings.HasSuffix(task.runs[id], "/"+reason):
		want = 200
	}
	if status != want {
		r.Fatalf("%s of run %d of %v as %s: %d, want %d", method, id, task.runs, reason, status, want)
	}
}

func (m *machine) reclaim(r *rapid.T) {
	task := m.pick(r)
	id, running := drawRun(r, task)
	_, status := m.call(r, "reclaimTask", runParams(task, id), nil)
	want := 409
	switch {
	case id == len(task.runs):
		want = 404
	case running:
		want = 200
		task.takenUntil = m.now.Add(20 * time.Minute)
	}
	if status != want {
		r.Fatalf("reclaim of run %d of %v: %d, want %d", id, task.runs, status, want)
	}
}

func (m *machine) act(r *rapid.T, method string, task *modelTask, want int) {
	if _, status := m.call(r, method, map[string]string{"taskId": task.id}, nil); status != want {
		r.Fatalf("%s of %v: %d, want %d", method, task.runs, status, want)
	}
}

func (m *machine) cancel(r *rapid.T) {
	task := m.pick(r)
	m.act(r, "cancelTask", task, 200)
	m.abort(task, "canceled")
}

func (m *machine) rerun(r *rapid.T) {
	task := m.pick(r)
	if !m.now.Before(task.deadline) {
		m.act(r, "rerunTask", task, 409)
		return
	}
	m.act(r, "rerunTask", task, 200)
	if state := task.state(); state != "pending" && state != "running" {
		m.add(task, "rerun")
		task.left = task.retries
	}
}

func (m *machine) schedule(r *rapid.T) {
	task := m.pick(r)
	m.act(r, "scheduleTask", task, 200)
	if task.state() == "unscheduled" {
		m.add(task, "scheduled")
	}
}

func (m *machine) removeWorker(r *rapid.T) {
	worker := rapid.SampledFrom([]string{"w1", "w2"}).Draw(r, "worker")
	if err := m.queue.ResolveClaimedBy(r.Context(), m.queueID, "g", worker); err != nil {
		r.Fatal(err)
	}
	held := slices.Clone(m.tasks)
	slices.SortFunc(held, func(a, b *modelTask) int { return strings.Compare(a.id, b.id) })
	for _, task := range held {
		if task.state() == "running" && strings.HasSuffix(task.runs[len(task.runs)-1], "/"+worker) {
			m.end(task, "exception", "worker-shutdown")
		}
	}
}

// pass lets time pass, and everything happen that is due by then, in the order of when it was.
func (m *machine) pass(r *rapid.T) {
	*m.now = m.now.Add(time.Duration(rapid.SampledFrom([]int{1, 60, 300, 1203, 3600}).Draw(r, "seconds")) * time.Second)
	if err := m.queue.Fire(r.Context()); err != nil {
		r.Fatal(err)
	}
	type event struct {
		due  time.Time
		kind string
		task *modelTask
	}
	var events []event
	for _, task := range m.tasks {
		if task.state() == "running" {
			events = append(events, event{task.takenUntil.Add(3 * time.Second), "claim", task})
		}
		if !task.resolved() {
			events = append(events, event{task.deadline, "deadline", task})
		}
	}
	slices.SortFunc(events, func(a, b event) int {
		return strings.Compare(stamp(a.due)+a.kind+a.task.id, stamp(b.due)+b.kind+b.task.id)
	})
	for _, e := range events {
		switch {
		case e.due.After(*m.now):
		case e.kind == "deadline":
			m.abort(e.task, "deadline-exceeded")
		case e.task.state() == "running":
			m.end(e.task, "exception", "claim-expired")
		}
	}
}
