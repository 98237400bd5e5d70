package queue_test

import (
	"encoding/json"
	"slices"

	"pgregory.net/rapid"
)

// check compares everything that the queue tells with the model.
func (m *machine) check(r *rapid.T) {
	for _, task := range m.tasks {
		data, _ := m.call(r, "status", map[string]string{"taskId": task.id}, nil)
		var got struct{ Status status }
		if err := json.Unmarshal(data, &got); err != nil {
			r.Fatal(err)
		}
		runs := got.Status.runs()
		for i, run := range got.Status.Runs {
			if run.State == "running" {
				runs[i] += run.WorkerID
			}
		}
		want := slices.Clone(task.runs)
		if got.Status.State != task.state() || got.Status.RetriesLeft != task.left || !slices.Equal(runs, want) {
			r.Fatalf("task is %s %v with %d retries left, want %s %v with %d",
				got.Status.State, runs, got.Status.RetriesLeft, task.state(), want, task.left)
		}
	}
	var pending, running []string
	for _, task := range m.pendingTasks() {
		pending = append(pending, task.id)
	}
	for _, task := range m.tasks {
		if task.state() == "running" {
			running = append(running, task.id)
		}
	}
	slices.Sort(running)
	m.checkList(r, "listPendingTasks", pending)
	m.checkList(r, "listClaimedTasks", running)
}

func (m *machine) checkList(r *rapid.T, method string, want []string) {
	data, _ := m.call(r, method, map[string]string{"taskQueueId": m.queueID}, nil)
	var got struct{ Tasks []struct{ TaskID string } }
	if err := json.Unmarshal(data, &got); err != nil {
		r.Fatal(err)
	}
	var ids []string
	for _, task := range got.Tasks {
		ids = append(ids, task.TaskID)
	}
	if !slices.Equal(ids, want) {
		r.Fatalf("%s: %v, want %v", method, ids, want)
	}
}
