package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker"
)

// TestRoom: a worker without space deletes things, waits for what may free some, and ends when
// nothing can.
func TestRoom(t *testing.T) {
	for name, c := range map[string]struct {
		room, garbage int
		sweeping      time.Duration
		end           worker.End
		after         time.Duration
		collects      int
	}{
		"nothing to delete":    {0, 0, 0, worker.EndNoRoom, time.Minute, 1},
		"enough to delete":     {0, 1, 0, worker.EndEnough, time.Minute + time.Second, 1},
		"too little to delete": {-1, 1, 0, worker.EndNoRoom, 2 * time.Minute, 2},
		"more to delete":       {-1, 2, 0, worker.EndEnough, 2*time.Minute + time.Second, 2},
		"a sweep to wait for":  {0, 0, 3 * time.Minute, worker.EndNoRoom, 4 * time.Minute, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1)
				w.room, w.garbage, w.sweeping = c.room, c.garbage, c.sweeping
				w.deps.Tasks, w.tasks = 1, []time.Duration{time.Second}
				w.expect(t, c.end, c.after, c.after+2*time.Second, nil)
				if w.collects != c.collects {
					t.Errorf("%d collections, want %d", w.collects, c.collects)
				}
			})
		})
	}
}

// TestRoomForSome: no more tasks are claimed than there is space for, and a task that ends makes
// space for the next.
func TestRoomForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4)
		w.room, w.deps.Tasks = 2, 3
		w.tasks = []time.Duration{time.Hour, time.Hour, time.Second}
		w.expect(t, worker.EndEnough, time.Hour, time.Hour+time.Second, nil)
		if w.asked[0] != 2 || w.asked[1] != 1 {
			t.Errorf("asked for %v", w.asked)
		}

		w = newWorld(2)
		w.room, w.deps.Tasks = 1, 2
		w.tasks = []time.Duration{time.Hour}
		w.expect(t, worker.EndEnough, time.Hour, time.Hour+time.Minute, map[time.Duration]func(*worker.Worker){
			10 * time.Second: func(*worker.Worker) {
				locked(w, func() int { w.room = 0; return 0 })
			},
			30 * time.Minute: func(*worker.Worker) {
				locked(w, func() int { w.tasks = append(w.tasks, time.Second); return 0 })
			},
			time.Hour - time.Second: func(*worker.Worker) {
				locked(w, func() int { w.room = 1; return 0 })
			},
		})
		if w.collects == 0 {
			t.Error("nothing was collected")
		}
	})
}
