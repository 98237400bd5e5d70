package queue

import (
	"fmt"
	"slices"
)

// save stores a task after a transition, and brings everything that follows from its state
// into line: the list of pending runs, the list of claims, the timers of claim and deadline,
// and the tasks that wait for it.
func (c *change) save(t *task) error {
	for _, step := range []func(*task) error{c.savePending, c.saveClaim, c.saveDeadline, c.announce} {
		if err := step(t); err != nil {
			return fmt.Errorf("queue: save task %s: %w", t.TaskID, err)
		}
	}
	return c.Put(bucketTask, t.TaskID, t)
}

func (c *change) savePending(t *task) error {
	key := ""
	if t.State == Pending {
		key = t.PendingKey
		if key == "" {
			key = fmt.Sprintf("%s/%d/%020d/%s", t.TaskQueueID, slices.Index(priorities(), t.Priority), c.queue.stamp(c.now), t.TaskID)
			run := t.Runs[len(t.Runs)-1]
			entry := pendingEntry{TaskID: t.TaskID, RunID: run.RunID, Inserted: run.Scheduled, Deadline: t.Deadline}
			if err := c.Put(bucketPending, key, entry); err != nil {
				return err
			}
			c.wake[t.TaskQueueID] = struct{}{}
		}
	}
	if t.PendingKey != "" && t.PendingKey != key {
		if err := c.Delete(bucketPending, t.PendingKey); err != nil {
			return err
		}
	}
	t.PendingKey = key
	return nil
}

func (c *change) saveClaim(t *task) error {
	claimed, want := t.TaskQueueID+"/"+t.TaskID, timer{}
	if t.State == Running {
		run := t.Runs[len(t.Runs)-1]
		want = timer{Kind: timerClaim, ID: t.TaskID, Due: Time{run.TakenUntil.Add(claimGrace)}}
		if err := c.Put(bucketClaimed, claimed, claimedEntry{
			TaskID: t.TaskID, RunID: run.RunID, WorkerGroup: run.WorkerGroup, WorkerID: run.WorkerID, Claimed: run.Started,
		}); err != nil {
			return err
		}
	} else if t.ClaimTimer != "" {
		if err := c.Delete(bucketClaimed, claimed); err != nil {
			return err
		}
	}
	former := t.ClaimTimer
	t.ClaimTimer = want.key()
	if t.ClaimTimer == former {
		return nil
	}
	if former != "" {
		if err := c.Delete(bucketTimer, former); err != nil {
			return err
		}
	}
	if t.ClaimTimer == "" {
		return nil
	}
	return c.setTimer(want)
}

func (c *change) saveDeadline(t *task) error {
	open := !t.State.resolved()
	if open == t.Deadlined {
		return nil
	}
	t.Deadlined = open
	deadline := timer{Kind: timerDeadline, ID: t.TaskID, Due: t.Deadline}
	if open {
		return c.setTimer(deadline)
	}
	return c.Delete(bucketTimer, deadline.key())
}

// announce tells the tasks that wait for t, and OnCompleted, that t is resolved; once.
func (c *change) announce(t *task) error {
	if t.Announced == t.State.resolved() {
		return nil
	}
	t.Announced = t.State.resolved()
	if !t.Announced {
		return nil // it runs again: what its first end released stays released
	}
	if err := c.release(t); err != nil {
		return err
	}
	if t.State != Completed || c.queue.deps.OnCompleted == nil {
		return nil
	}
	d, err := loadDefinition(c.Tx, t.TaskID)
	if err != nil {
		return err
	}
	return c.queue.deps.OnCompleted(c.Tx, Completion{
		TaskID: t.TaskID, RunID: len(t.Runs) - 1, Routes: d.Routes, Extra: d.Extra, Expires: d.Expires.Time,
	})
}
