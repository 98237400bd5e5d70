package tc

import (
	"context"
	"maps"
	"net/url"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// Statuses tells where several tasks stand, by their ids; tasks that the queue does not know
// are not in the answer. Each page is one attempt.
func (t Tasks) Statuses(ctx context.Context, taskIDs []string) (map[string]TaskStatus, error) {
	all := map[string]TaskStatus{}
	token := ""
	for {
		page, next, err := t.statuses(ctx, taskIDs, token)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, page)
		if token = next; token == "" {
			return all, nil
		}
	}
}

func (t Tasks) statuses(ctx context.Context, taskIDs []string, token string) (map[string]TaskStatus, string, error) {
	body := struct {
		TaskIDs []string `json:"taskIds"`
	}{taskIDs}
	var reply struct {
		ContinuationToken string `json:"continuationToken"`
		Statuses          []struct {
			TaskID string `json:"taskId"`
			Status struct {
				State       string `json:"state"`
				RetriesLeft int64  `json:"retriesLeft"`
				Runs        []struct {
					RunID          int64  `json:"runId"`
					State          string `json:"state"`
					ReasonResolved string `json:"reasonResolved"`
					WorkerGroup    string `json:"workerGroup"`
					WorkerID       string `json:"workerId"`
				} `json:"runs"`
			} `json:"status"`
		} `json:"statuses"`
	}
	query := url.Values{}
	if token != "" {
		query.Set("continuationToken", token)
	}
	err := t.client.single(ctx, "queue.statuses", "queue", t.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(&body, "POST", "/tasks/status", &reply, query)
		return err
	})
	page := map[string]TaskStatus{}
	for _, entry := range reply.Statuses {
		s := TaskStatus{State: entry.Status.State, Retries: entry.Status.RetriesLeft}
		for _, r := range entry.Status.Runs {
			s.Runs = append(s.Runs, RunStatus{r.RunID, r.State, r.ReasonResolved, r.WorkerGroup + "/" + r.WorkerID})
		}
		page[entry.TaskID] = s
	}
	return page, reply.ContinuationToken, err
}
