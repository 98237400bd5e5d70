package tc

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// Work are the calls of a worker that wants tasks. Errors are *Error. Each call is one attempt:
// what a failure means depends on what the worker is doing.
type Work struct {
	client *Client
	source Source
	name   WorkerName
}

// Work returns the calls of a worker. Its pool is its task queue.
func (c *Client) Work(source Source, name WorkerName) Work { return Work{c, source, name} }

// Claim is a run of a task that this worker has been given, until TakenUntil.
type Claim struct {
	TaskID      string
	RunID       int64
	Scheduled   time.Time // when the run became pending
	TakenUntil  time.Time
	Credentials Credentials     // of the run
	Task        json.RawMessage // the task definition, every byte of it
}

// claimed is one element of claimWork's reply, and the reply of reclaimTask.
type claimed struct {
	Status struct {
		TaskID string `json:"taskId"`
		Runs   []struct {
			RunID     int64     `json:"runId"`
			Scheduled time.Time `json:"scheduled"`
		} `json:"runs"`
	} `json:"status"`
	RunID       int64           `json:"runId"`
	TakenUntil  time.Time       `json:"takenUntil"`
	Task        json.RawMessage `json:"task"`
	Credentials Credentials     `json:"credentials"`
}

func (c *claimed) claim() Claim {
	claim := Claim{
		TaskID: c.Status.TaskID, RunID: c.RunID, TakenUntil: c.TakenUntil,
		Credentials: c.Credentials, Task: c.Task,
	}
	for _, r := range c.Status.Runs {
		if r.RunID == c.RunID {
			claim.Scheduled = r.Scheduled
		}
	}
	return claim
}

// Claim asks for up to so many tasks (the service gives 32 at most) and waits for the first: 20
// seconds, then it returns none.
func (w Work) Claim(ctx context.Context, tasks int) ([]Claim, error) {
	body := struct {
		Tasks       int    `json:"tasks"`
		WorkerGroup string `json:"workerGroup"`
		WorkerID    string `json:"workerId"`
	}{min(tasks, 32), w.name.Group, w.name.ID}
	var reply struct {
		Tasks []claimed `json:"tasks"`
	}
	err := w.client.single(ctx, "queue.claimWork", "queue", w.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(&body, "POST", "/claim-work/"+url.PathEscape(w.name.Pool), &reply, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	claims := make([]Claim, 0, len(reply.Tasks))
	for i := range reply.Tasks {
		claims = append(claims, reply.Tasks[i].claim())
	}
	return claims, nil
}

// single makes one attempt and returns a clean error.
func (c *Client) single(ctx context.Context, op, service string, source Source, fn func(tcclient.Client) error) error {
	return clean(op, c.once(ctx, service, source, fn))
}
