package tc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
)

// Tasks are the calls of whoever wants tasks run. Errors are *Error.
type Tasks struct {
	client *Client
	source Source
}

// Tasks returns the calls of whoever wants tasks run.
func (c *Client) Tasks(source Source) Tasks { return Tasks{c, source} }

// TaskStatus is where a task stands.
type TaskStatus struct {
	State   string // unscheduled, pending, running, completed, failed, exception
	Retries int64  // left
	Runs    []RunStatus
}

// Resolved tells whether the task has ended.
func (s TaskStatus) Resolved() bool {
	return s.State == "completed" || s.State == "failed" || s.State == "exception"
}

// RunStatus is where one run of a task stands.
type RunStatus struct {
	ID     int64
	State  string // pending, running, completed, failed, exception
	Reason string // why it was resolved: completed, failed, malformed-payload, …
	Worker string // workerGroup/workerId
}

// Resolved tells whether the run has ended.
func (r RunStatus) Resolved() bool { return r.State != "pending" && r.State != "running" }

// ArtifactInfo is one artifact of a run.
type ArtifactInfo struct {
	Name, StorageType, ContentType string
}

// Create makes a task. The definition goes to the service as it is; to create the same task
// again is no error.
func (t Tasks) Create(ctx context.Context, taskID string, definition json.RawMessage) error {
	return t.client.call(ctx, "queue.createTask", "queue", t.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(definition, "PUT", "/task/"+url.PathEscape(taskID), new(tcqueue.TaskStatusResponse), nil)
		return err
	})
}

// Status tells where a task stands.
func (t Tasks) Status(ctx context.Context, taskID string) (TaskStatus, error) {
	var s TaskStatus
	err := t.client.call(ctx, "queue.status", "queue", t.source, func(c tcclient.Client) error {
		queue := tcqueue.Queue(c)
		reply, err := queue.Status(taskID)
		if err != nil {
			return err
		}
		s = TaskStatus{State: reply.Status.State, Retries: reply.Status.RetriesLeft}
		for _, r := range reply.Status.Runs {
			s.Runs = append(s.Runs, RunStatus{r.RunID, r.State, r.ReasonResolved, r.WorkerGroup + "/" + r.WorkerID})
		}
		return nil
	})
	return s, err
}

// Cancel ends a task that is not resolved.
func (t Tasks) Cancel(ctx context.Context, taskID string) error {
	return t.client.call(ctx, "queue.cancelTask", "queue", t.source, func(c tcclient.Client) error {
		queue := tcqueue.Queue(c)
		_, err := queue.CancelTask(taskID)
		return err
	})
}

// Artifacts lists the artifacts of a run.
func (t Tasks) Artifacts(ctx context.Context, taskID string, runID int64) ([]ArtifactInfo, error) {
	var all []ArtifactInfo
	token := ""
	for {
		var reply *tcqueue.ListArtifactsResponse
		err := t.client.call(ctx, "queue.listArtifacts", "queue", t.source, func(c tcclient.Client) error {
			queue := tcqueue.Queue(c)
			var err error
			reply, err = queue.ListArtifacts(taskID, strconv.FormatInt(runID, 10), token, "")
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, a := range reply.Artifacts {
			all = append(all, ArtifactInfo{a.Name, a.StorageType, a.ContentType})
		}
		if token = reply.ContinuationToken; token == "" {
			return all, nil
		}
	}
}

// ArtifactURL is where an artifact can be fetched for the time that valid says, by whoever
// has the URL; it is a secret unless the artifact is public. It makes no call.
func (t Tasks) ArtifactURL(taskID string, runID int64, name string, valid time.Duration) (string, error) {
	creds := t.source()
	client := tcclient.Client{
		RootURL:     t.client.rootURL,
		ServiceName: "queue",
		APIVersion:  "v1",
		Credentials: &tcclient.Credentials{ClientID: creds.ClientID, AccessToken: creds.AccessToken.Reveal(), Certificate: creds.Certificate.Reveal()},
	}
	route := fmt.Sprintf("/task/%s/runs/%d/artifacts/%s", url.PathEscape(taskID), runID, url.PathEscape(name))
	signed, err := client.SignedURL(route, nil, valid)
	if err != nil {
		return "", &Error{Op: "queue.getArtifact", Err: withoutURL(err)}
	}
	if creds.ClientID == "" {
		signed.RawQuery = ""
	}
	return signed.String(), nil
}
