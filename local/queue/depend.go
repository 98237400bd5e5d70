package queue

import (
	"context"
	"strings"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// dependency is what one task asks of another.
type dependency struct {
	TaskID   string `json:"taskId"` // the one that waits
	Requires string `json:"requires"`
}

// met tells whether a task in this state lets the one that waits go on.
func (d dependency) met(by State) bool {
	return by == Completed || d.Requires == "all-resolved" && by.resolved()
}

// depend notes what a new task waits for and tells whether it must wait. A task may name
// itself: it then waits until somebody schedules it.
func (c *change) depend(t *task, d *definition) (waits bool, err error) {
	var missing, tooShort []string
	for _, id := range d.Dependencies {
		on := task{Status: t.Status}
		if id != t.TaskID {
			found, err := c.Get(bucketTask, id, &on)
			if err != nil {
				return false, err
			}
			if !found {
				missing = append(missing, id)
				continue
			}
		}
		if on.Expires.Before(t.Deadline.Time) {
			tooShort = append(tooShort, id)
			continue
		}
		needs := dependency{TaskID: t.TaskID, Requires: d.Requires}
		if err := c.Put(bucketDependent, id+"/"+t.TaskID, needs); err != nil {
			return false, err
		}
		if needs.met(on.State) {
			continue
		}
		waits = true
		if err := c.Put(bucketWaiting, t.TaskID+"/"+id, true); err != nil {
			return false, err
		}
	}
	if missing != nil {
		return false, api.InputError("`task.dependencies` references non-existing tasks: %s\n"+
			"All taskIds in `task.dependencies` **must** exist before the task is created.", strings.Join(missing, ", "))
	}
	if tooShort != nil {
		return false, api.InputError("`task.dependencies` references tasks that expire before `task.deadline`,"+
			" this is not allowed: %s", strings.Join(tooShort, ", "))
	}
	return waits, nil
}

// release schedules the tasks that waited only for t, which is resolved.
func (c *change) release(t *task) error {
	var ready []string
	err := each(c, bucketDependent, t.TaskID+"/", func(_ string, d dependency) (bool, error) {
		if d.TaskID != t.TaskID && d.met(t.State) {
			ready = append(ready, d.TaskID)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, id := range ready {
		if err := c.Delete(bucketWaiting, id+"/"+t.TaskID); err != nil {
			return err
		}
		if err := c.scheduleReady(id); err != nil {
			return err
		}
	}
	return nil
}

// scheduleReady schedules a task if it waits for nothing any more.
func (c *change) scheduleReady(id string) error {
	waits := false
	err := c.Each(bucketWaiting, id+"/", "", func(string, []byte) (bool, error) {
		waits = true
		return false, nil
	})
	if err != nil || waits {
		return err
	}
	var t task
	found, err := c.Get(bucketTask, id, &t)
	if err != nil || !found || !t.schedule(c.now) {
		return err
	}
	return c.save(&t)
}

// taskItem is a task in a list.
type taskItem struct {
	Status Status `json:"status"`
	Task   any    `json:"task"`
}

func loadItem(tx *store.Tx, taskID string) (taskItem, error) {
	t, err := loadTask(tx, taskID)
	if err != nil {
		return taskItem{}, err
	}
	raw, err := loadRaw(tx, taskID)
	return taskItem{Status: t.Status, Task: raw}, err
}

func loadItems(tx *store.Tx, ids []string) ([]taskItem, error) {
	items := make([]taskItem, 0, len(ids))
	for _, id := range ids {
		item, err := loadItem(tx, id)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func (q *Queue) listDependentTasks(ctx context.Context, r *api.Request) (any, error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	taskID := r.Params["taskId"]
	var reply struct {
		TaskID string     `json:"taskId"`
		Tasks  []taskItem `json:"tasks"`
		Token  string     `json:"continuationToken,omitempty"`
	}
	reply.TaskID = taskID
	err = q.deps.Store.View(ctx, func(tx *store.Tx) error {
		if _, err := loadTask(tx, taskID); err != nil {
			return err
		}
		dependents, token, err := api.List[dependency](tx, bucketDependent, taskID+"/", page, nil)
		if err != nil {
			return err
		}
		reply.Token, reply.Tasks = token, []taskItem{}
		for _, d := range dependents {
			item, err := loadItem(tx, d.TaskID)
			if err != nil {
				return err
			}
			reply.Tasks = append(reply.Tasks, item)
		}
		return nil
	})
	return reply, err
}
