package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/tasks"
)

// demoTask is one task of the demo and what must become of it.
type demoTask struct {
	name, about string
	queue       string // "" for the static machine's
	payload     map[string]any
	scopes      []string
	want        string            // the runs' results: "exception/intermittent-task, completed"
	log         string            // must be in the log
	files       map[string]string // artifacts and their text
}

func demoTasks() []demoTask {
	return []demoTask{
		{
			name:  "artifacts",
			about: "two commands that leave a file and a directory",
			payload: map[string]any{
				"env":        map[string]string{"WHO": "you"},
				"command":    script(`echo "hello, $WHO" | tee note.txt`, `mkdir -p site/img && echo '<h1>hi</h1>' > site/index.html && echo dot > site/img/a.txt && find site -type f | sort`),
				"maxRunTime": 30,
				"artifacts": []map[string]string{
					{"type": "file", "name": "public/note.txt", "path": "note.txt"},
					{"type": "directory", "name": "public/site", "path": "site"},
				},
			},
			want: "completed",
			log:  "\nhello, you\n",
			files: map[string]string{
				"public/note.txt": "hello, you\n", "public/site/index.html": "<h1>hi</h1>\n", "public/site/img/a.txt": "dot\n",
			},
		},
		{
			name:    "cache",
			about:   "a file from the payload, and a cache in which it leaves something for the next task",
			payload: cached("cp greeting.txt cache/kept.txt"),
			scopes:  []string{"generic-worker:cache:demo"},
			want:    "completed",
			log:     "[mounts] No existing writable directory cache 'demo'",
		},
		{
			name:    "cache again",
			about:   "the next task finds it",
			payload: cached("cat cache/kept.txt"),
			scopes:  []string{"generic-worker:cache:demo"},
			want:    "completed",
			log:     "\nhello from the payload\n",
		},
		{
			name:    "failing",
			about:   "a command that exits with 3; the command after it does not run",
			payload: map[string]any{"command": script(`echo "this will not do"; exit 3`, `echo "not reached"`), "maxRunTime": 30},
			want:    "failed",
			log:     "Exit Code: 3",
		},
		{
			name:  "intermittent",
			about: "exit code 4 is declared intermittent: the queue makes a second run, which succeeds",
			payload: map[string]any{
				"command":      script(`echo "run $RUN_ID"; test "$RUN_ID" -ge 1 || exit 4`),
				"onExitStatus": map[string]any{"retry": []int{4}},
				"maxRunTime":   30,
			},
			want: "exception/intermittent-task, completed",
			log:  "\nrun 1\n",
		},
		{
			name:    "malformed",
			about:   "a payload with a wrong type: nothing runs, the log says what and where",
			payload: map[string]any{"command": script(`echo "not reached"`), "maxRunTime": "thirty"},
			want:    "exception/malformed-payload",
			log:     "maxRunTime",
		},
		{
			name:    "too long",
			about:   "a command that outlives its maxRunTime of one second",
			payload: map[string]any{"command": script(`echo "sleeping"; sleep 60; echo "not reached"`), "maxRunTime": 1},
			want:    "failed",
			log:     "max run time exceeded",
		},
	}
}

// cached is a payload that mounts a file and a writable cache.
func cached(line string) map[string]any {
	return map[string]any{
		"command": script(line), "maxRunTime": 30,
		"mounts": []map[string]any{
			{"file": "greeting.txt", "content": map[string]string{"raw": "hello from the payload\n"}},
			{"directory": "cache", "cacheName": "demo"},
		},
	}
}

// script is a payload's command that runs each line with the shell.
func script(lines ...string) [][]string {
	var commands [][]string
	for _, line := range lines {
		commands = append(commands, []string{"/bin/sh", "-c", line})
	}
	return commands
}

// definition is the task as it is created.
func (d demoTask) definition(now time.Time) (tasks.Definition, error) {
	payload, err := json.Marshal(d.payload)
	if err != nil {
		return nil, fmt.Errorf("demo: encode %s: %w", d.name, err)
	}
	scopes, err := json.Marshal(append([]string{}, d.scopes...))
	if err != nil {
		return nil, fmt.Errorf("demo: encode %s: %w", d.name, err)
	}
	definition := tasks.Definition{"payload": payload, "scopes": scopes}
	return definition, definition.Fill(tasks.Defaults{Queue: cmp.Or(d.queue, ownPool), Name: d.name, Now: now})
}

// seen is what became of a task.
type seen struct {
	status tc.TaskStatus
	log    string
	files  map[string]string
	took   time.Duration
}

// result is how the runs ended, one after another.
func (s seen) result() string {
	var runs []string
	for _, r := range s.status.Runs {
		if r.Reason == "" || r.Reason == r.State {
			runs = append(runs, r.State)
		} else {
			runs = append(runs, r.State+"/"+r.Reason)
		}
	}
	return strings.Join(runs, ", ")
}

// differences says what is not as the demo expects; nothing is good.
func (d demoTask) differences(s seen) []string {
	var wrong []string
	if got := s.result(); got != d.want {
		wrong = append(wrong, fmt.Sprintf("the runs ended %s, not %s", got, d.want))
	}
	if !strings.Contains(s.log, d.log) {
		wrong = append(wrong, fmt.Sprintf("the log does not say %q", d.log))
	}
	if strings.Contains(s.log, "\nnot reached\n") {
		wrong = append(wrong, "a command ran that should not have")
	}
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if s.files[name] != d.files[name] {
			wrong = append(wrong, fmt.Sprintf("artifact %s is %q, not %q", name, s.files[name], d.files[name]))
		}
	}
	return wrong
}
