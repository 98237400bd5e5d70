package task_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/task"
)

func TestLiveUntil(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		payload string
		expires time.Duration // of the task, from now
		want    time.Duration
	}{
		{`{"maxRunTime": 600}`, time.Hour, 25 * time.Minute},
		{`{"maxRunTime": 600}`, 24 * time.Minute, 24 * time.Minute},
		{`{"maxRunTime": 6e2}`, time.Hour, 25 * time.Minute},
		{`{"maxRunTime": 9223372036854775807}`, time.Hour, time.Hour},
		{`{"maxRunTime": "long"}`, time.Hour, 15 * time.Minute},
		{``, time.Hour, 15 * time.Minute},
	} {
		run := task.Run{Payload: json.RawMessage(test.payload), Definition: task.Definition{Expires: now.Add(test.expires)}}
		if got := run.LiveUntil(now).Sub(now); got != test.want {
			t.Errorf("%s, expires in %v: %v, want %v", test.payload, test.expires, got, test.want)
		}
	}
}
