package queue_test

import (
	"testing"
	"time"
)

// TestHooks has what worker-manager is told about tasks and workers.
func TestHooks(t *testing.T) {
	f := start(t, shortPoll)
	load := func(pending, claimed int) {
		t.Helper()
		p, c, err := f.queue.Load(t.Context(), queueID)
		if err != nil || p != pending || c != claimed {
			t.Errorf("load: %d pending, %d claimed, %v; want %d and %d", p, c, err, pending, claimed)
		}
	}
	active := func(want time.Time) {
		t.Helper()
		got, err := f.queue.LastActive(t.Context(), queueID, "g", "w")
		if err != nil || !got.Equal(want) {
			t.Errorf("last active %s, %v; want %s", got, err, want)
		}
	}
	load(0, 0)
	active(time.Time{})
	id := f.create(nil)
	f.create(object{"taskQueueId": "other/queue"})
	load(1, 0)
	f.claim(1)
	load(0, 1)
	active(f.Now())
	f.Advance(15 * time.Minute)
	f.call("reclaimTask", nil, id, "0") // a long task is a sign of life
	active(f.Now())
	if err := f.queue.ResolveClaimedBy(t.Context(), queueID, "g", "w"); err != nil {
		t.Fatal(err)
	}
	load(1, 0)
	for _, want := range []string{queueID, "other/queue", queueID} {
		if got := <-f.pending; got != want {
			t.Errorf("became pending: %s, want %s", got, want)
		}
	}
}
