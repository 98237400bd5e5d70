package queue

import (
	"context"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// pageLimit is the most that one reply lists.
const pageLimit = 1000

// group is a task group as the API shows it. It lives as long as its longest task.
type group struct {
	TaskGroupID string `json:"taskGroupId"`
	SchedulerID string `json:"schedulerId"`
	Expires     Time   `json:"expires"`
	Sealed      Time   `json:"sealed,omitzero"`
}

func loadGroup(tx *store.Tx, id string) (*group, error) {
	var g group
	found, err := tx.Get(bucketGroup, id, &g)
	if err == nil && !found {
		err = api.NotFound("No task-group with taskGroupId: `%s`", id)
	}
	return &g, err
}

// joinGroup adds a new task to its group, which it may found.
func (c *change) joinGroup(t *task) error {
	g := group{TaskGroupID: t.TaskGroupID, SchedulerID: t.SchedulerID}
	if _, err := c.Get(bucketGroup, t.TaskGroupID, &g); err != nil {
		return err
	}
	if g.SchedulerID != t.SchedulerID {
		return api.Conflict("Task group `%s` contains tasks with schedulerId `%s`. "+
			"You are attempting to include tasks from schedulerId `%s`, "+
			"which is not permitted. All tasks in the same task-group must have the same schedulerId.",
			t.TaskGroupID, g.SchedulerID, t.SchedulerID)
	}
	if !g.Sealed.IsZero() {
		return api.Conflict("Task group `%s` was sealed on %s: no tasks can be added to it", t.TaskGroupID, g.Sealed)
	}
	if g.Expires.Before(t.Expires.Time) {
		g.Expires = t.Expires
		if err := c.Put(bucketGroup, t.TaskGroupID, g); err != nil {
			return err
		}
	}
	return c.Put(bucketMember, t.TaskGroupID+"/"+t.TaskID, t.TaskID)
}

// leaveGroup takes a forgotten task out of its group; the last one ends it.
func (c *change) leaveGroup(t *task) error {
	if err := c.Delete(bucketMember, t.TaskGroupID+"/"+t.TaskID); err != nil {
		return err
	}
	left, err := keys(c, bucketMember, t.TaskGroupID+"/")
	if err != nil || len(left) > 0 {
		return err
	}
	return c.Delete(bucketGroup, t.TaskGroupID)
}

func (q *Queue) getTaskGroup(ctx context.Context, r *api.Request) (any, error) {
	return store.Read(ctx, q.deps.Store, func(tx *store.Tx) (*group, error) { return loadGroup(tx, r.Params["taskGroupId"]) })
}

func (q *Queue) listTaskGroup(ctx context.Context, r *api.Request) (any, error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	var reply struct {
		group
		Tasks []taskItem `json:"tasks"`
		Token string     `json:"continuationToken,omitempty"`
	}
	err = q.deps.Store.View(ctx, func(tx *store.Tx) error {
		g, err := loadGroup(tx, r.Params["taskGroupId"])
		if err != nil {
			return err
		}
		members, token, err := api.List[string](tx, bucketMember, g.TaskGroupID+"/", page, nil)
		if err != nil {
			return err
		}
		reply.group, reply.Token = *g, token
		reply.Tasks, err = loadItems(tx, members)
		return err
	})
	return reply, err
}

func (q *Queue) sealTaskGroup(ctx context.Context, r *api.Request) (any, error) {
	g, err := q.authorizeGroup(ctx, r)
	if err != nil {
		return nil, err
	}
	err = q.update(ctx, func(c *change) error {
		if g, err = loadGroup(c.Tx, g.TaskGroupID); err != nil || !g.Sealed.IsZero() {
			return err
		}
		g.Sealed = Time{c.now}
		return c.Put(bucketGroup, g.TaskGroupID, g)
	})
	return g, err
}

// authorizeGroup checks the caller's scopes, which the group's scheduler is part of.
func (q *Queue) authorizeGroup(ctx context.Context, r *api.Request) (*group, error) {
	g, err := store.Read(ctx, q.deps.Store, func(tx *store.Tx) (*group, error) { return loadGroup(tx, r.Params["taskGroupId"]) })
	if err != nil {
		return nil, err
	}
	return g, r.Authorize(map[string]any{"schedulerId": g.SchedulerID})
}

// eachMember calls fn with every task of a group.
func (c *change) eachMember(groupID string, fn func(*task) error) error {
	var members []string
	err := each(c, bucketMember, groupID+"/", func(_ string, id string) (bool, error) {
		members = append(members, id)
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, id := range members {
		t, err := c.load(id)
		if err != nil {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
	}
	return nil
}

// cancelTaskGroup cancels every unresolved task of a sealed group.
func (q *Queue) cancelTaskGroup(ctx context.Context, r *api.Request) (any, error) {
	g, err := q.authorizeGroup(ctx, r)
	if err != nil {
		return nil, err
	}
	var reply struct {
		TaskGroupID string   `json:"taskGroupId"`
		Size        int      `json:"taskGroupSize"`
		Cancelled   int      `json:"cancelledCount"`
		TaskIDs     []string `json:"taskIds"`
	}
	reply.TaskGroupID, reply.TaskIDs = g.TaskGroupID, []string{}
	err = q.update(ctx, func(c *change) error {
		if g, err := loadGroup(c.Tx, g.TaskGroupID); err != nil {
			return err
		} else if g.Sealed.IsZero() {
			return api.Conflict("Task group `%s` is not sealed: seal it before it is cancelled", g.TaskGroupID)
		}
		return c.eachMember(g.TaskGroupID, func(t *task) error {
			reply.Size++
			if !t.abort(ReasonCanceled, c.now) {
				return nil
			}
			reply.Cancelled++
			reply.TaskIDs = append(reply.TaskIDs, t.TaskID)
			return c.save(t)
		})
	})
	return reply, err
}
