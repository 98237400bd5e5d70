package tasks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, text string) (Definition, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "task.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(file)
}

func decoded(t *testing.T, d Definition) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(d.JSON(), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReadTakesThreeForms(t *testing.T) {
	payload := map[string]any{"command": []any{[]any{"true"}}, "maxRunTime": 60.0}
	for name, c := range map[string]struct {
		text string
		want map[string]any
	}{
		"whole":          {"priority: low\npayload: {command: [['true']], maxRunTime: 60}\n", map[string]any{"priority": "low", "payload": payload}},
		"JSON":           {`{"payload": {"command": [["true"]], "maxRunTime": 60}}`, map[string]any{"payload": payload}},
		"bare":           {"command: [['true']]\nmaxRunTime: 60\n", map[string]any{"payload": payload}},
		"bare, no limit": {"command: [['true']]\n", map[string]any{"payload": map[string]any{"command": payload["command"], "maxRunTime": 3600.0}}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := read(t, c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, decoded(t, d)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadSaysWhereAFileIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"not YAML":         {"payload:\n  command: [['true']\nx: 1\n", "task.yml:3: "},
		"a list":           {"- command\n", "task.yml:1: a task must be a mapping"},
		"empty":            {"", "task.yml:1: a task must be a mapping"},
		"neither of both":  {"priority: low\n", "task.yml:1: no payload"},
		"tab as indention": {"payload:\n\tcommand: x\n", "task.yml:2: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "absent.yml")); !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("absent file: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		next, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = next.Unwrap()
	}
}

func TestFill(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	defaults := Defaults{Queue: "local/worker", Name: "task.yml", Now: now}

	empty := Definition{"payload": json.RawMessage(`{}`)}
	if err := empty.Fill(defaults); err != nil {
		t.Fatal(err)
	}
	got := decoded(t, empty)
	for key, want := range map[string]string{
		"created":     "2026-01-02T03:04:05.006Z",
		"deadline":    "2026-01-03T03:04:05.006Z",
		"expires":     "2026-01-30T03:04:05.006Z",
		"taskQueueId": "local/worker",
	} {
		if got[key] != want {
			t.Errorf("%s: %v, want %s", key, got[key], want)
		}
	}

	own := Definition{
		"payload":     json.RawMessage(`{}`),
		"created":     json.RawMessage(`"2026-02-01T00:00:00.000Z"`),
		"deadline":    json.RawMessage(`"2026-02-01T01:00:00.000Z"`),
		"taskQueueId": json.RawMessage(`"other/queue"`),
		"metadata":    json.RawMessage(`{"name":"mine","extra":true}`),
	}
	if err := own.Fill(defaults); err != nil {
		t.Fatal(err)
	}
	got = decoded(t, own)
	if got["taskQueueId"] != "other/queue" || got["deadline"] != "2026-02-01T01:00:00.000Z" {
		t.Errorf("Fill changed what the file said: %v", got)
	}
	if got["expires"] != "2026-03-01T00:00:00.000Z" {
		t.Errorf("expires does not count from created: %v", got["expires"])
	}
	metadata := got["metadata"].(map[string]any)
	if metadata["name"] != "mine" || metadata["extra"] != true || metadata["owner"] == nil {
		t.Errorf("metadata: %v", metadata)
	}
}

func TestFillRefusesWhatItCannotUse(t *testing.T) {
	for key, value := range map[string]string{"created": `"yesterday"`, "metadata": `"mine"`} {
		d := Definition{key: json.RawMessage(value)}
		if err := d.Fill(Defaults{}); err == nil || !strings.HasPrefix(err.Error(), key+":") {
			t.Errorf("%s: %s: got %v", key, value, err)
		}
	}
}

func TestFormerQueueNamesStay(t *testing.T) {
	d := Definition{"provisionerId": json.RawMessage(`"local"`), "workerType": json.RawMessage(`"w"`)}
	if err := d.Fill(Defaults{Queue: "a/b"}); err != nil {
		t.Fatal(err)
	}
	if _, added := d["taskQueueId"]; added {
		t.Error("taskQueueId was added beside provisionerId")
	}
}

func TestLogs(t *testing.T) {
	for payload, want := range map[string][2]string{
		`{}`:                                  {"public/logs/live.log", "public/logs/live_backing.log"},
		`{"logs":{"live":"private/l"}}`:       {"private/l", "public/logs/live_backing.log"},
		`{"logs":{"backing":"b","live":"l"}}`: {"l", "b"},
		`{"logs":7}`:                          {"public/logs/live.log", "public/logs/live_backing.log"},
	} {
		live, backing := Definition{"payload": json.RawMessage(payload)}.Logs()
		if live != want[0] || backing != want[1] {
			t.Errorf("%s: %s, %s", payload, live, backing)
		}
	}
}
