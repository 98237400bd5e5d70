package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

func TestLogPage(t *testing.T) {
	var out bytes.Buffer
	page := &logPage{out: &out}
	log := `[taskcluster 2026-01-01T00:00:00.000Z] Worker Type (local/worker) settings:
[taskcluster 2026-01-01T00:00:00.000Z]   {
[taskcluster 2026-01-01T00:00:00.000Z]   }
[taskcluster 2026-01-01T00:00:00.000Z] Task ID: abc
hello
half`
	for _, piece := range []string{log[:7], log[7:100], log[100:]} { // a log comes in any pieces
		if n, err := io.WriteString(page, piece); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if strings.Contains(out.String(), "half") {
		t.Error("a line was printed before it was whole")
	}
	page.end()
	want := margin + "(3 lines with the worker's settings)\n" +
		margin + "[taskcluster 2026-01-01T00:00:00.000Z] Task ID: abc\n" +
		margin + "hello\n" + margin + "half\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestDifferences(t *testing.T) {
	task := demoTask{want: "exception/intermittent-task, completed", log: "\nrun 1\n", files: map[string]string{"public/a": "1"}}
	good := seen{
		status: tc.TaskStatus{State: "completed", Runs: []tc.RunStatus{
			{ID: 0, State: "exception", Reason: "intermittent-task"}, {ID: 1, State: "completed", Reason: "completed"},
		}},
		log:   "run 0\nrun 1\n",
		files: map[string]string{"public/a": "1", "public/logs/live.log": "…"},
	}
	if wrong := task.differences(good); len(wrong) > 0 {
		t.Errorf("a good result differs: %v", wrong)
	}
	for name, spoil := range map[string]func(*seen){
		"the runs ended":       func(s *seen) { s.status.Runs = s.status.Runs[1:] },
		"the log does not":     func(s *seen) { s.log = "run 0\n" },
		"a command ran":        func(s *seen) { s.log += "not reached\n" },
		"artifact public/a is": func(s *seen) { s.files = nil },
	} {
		bad := good
		spoil(&bad)
		if wrong := task.differences(bad); len(wrong) != 1 || !strings.HasPrefix(wrong[0], name) {
			t.Errorf("%s: %v", name, wrong)
		}
	}
}

// TestSummaryFailsWhenATaskDoes: the demo is a test for whoever runs it.
func TestSummaryFailsWhenATaskDoes(t *testing.T) {
	var out bytes.Buffer
	d := &demo{out: &out, began: time.Now()}
	rows := []row{{task: demoTask{name: "fine"}}, {task: demoTask{name: "odd"}, wrong: []string{"the log is empty"}}}
	err := d.summary(rows)
	if err == nil || err.Error() != "demo: task odd: the log is empty" {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out.String(), "NO: the log is empty") || d.summary(rows[:1]) != nil {
		t.Errorf("table:\n%s", out.String())
	}
}

func TestEveryDemoTaskIsComplete(t *testing.T) {
	for _, task := range demoTasks() {
		definition, err := task.definition(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"created", "deadline", "expires", "metadata", "payload", "taskQueueId"} {
			if definition[key] == nil {
				t.Errorf("%s has no %s", task.name, key)
			}
		}
		if task.want == "" || task.log == "" {
			t.Errorf("%s expects nothing", task.name)
		}
	}
}
