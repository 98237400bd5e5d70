package tc

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// TaskQueue are the calls of one run, made with the run's own credentials (always the newest).
// Errors are *Error. Failed attempts are repeated by the client's policy.
type TaskQueue interface {
	// CreateArtifact asks for an artifact; the reply's fields depend on the storage type.
	CreateArtifact(ctx context.Context, name string, a Artifact) (Upload, error)
	// FinishArtifact completes an object artifact.
	FinishArtifact(ctx context.Context, name, uploadID string) error
}

// Artifact is a request of queue.createArtifact; which fields count depends on StorageType.
type Artifact struct {
	StorageType   string    // s3, object, link, reference, error
	Expires       time.Time // at most the task's
	ContentType   string
	ContentLength *int64 // of the data before compression; s3 only, informational
	URL           string // reference
	Artifact      string // link: the name it points to
	Reason        string // error: file-missing-on-worker, invalid-resource-on-worker, file-not-readable-on-worker, …
	Message       string // error
}

// Upload is the reply of queue.createArtifact.
type Upload struct {
	PutURL      string // s3: a signed URL; secret
	ContentType string // s3: to be sent as given
	Expires     time.Time
	Name        string // object: the object's name, and what follows
	ProjectID   string
	UploadID    string
	Credentials Credentials
}

// Run are the calls of one run of a task, made with the run's credentials: the source gives
// the newest. It implements TaskQueue.
type Run struct {
	client *Client
	source Source
	route  string // of the run
}

// Run returns the calls of one run.
func (c *Client) Run(source Source, taskID string, runID int64) Run {
	return Run{c, source, "/task/" + url.PathEscape(taskID) + "/runs/" + strconv.FormatInt(runID, 10)}
}

// Reclaim prolongs the claim; it is one attempt. The reply's new credentials replace the old ones.
// Status 409 means that the run has ended: it was cancelled, its time was up, or the claim expired.
func (r Run) Reclaim(ctx context.Context) (until time.Time, renewed Credentials, err error) {
	var reply claimed
	err = r.client.single(ctx, "queue.reclaimTask", "queue", r.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(nil, "POST", r.route+"/reclaim", &reply, nil)
		return err
	})
	return reply.TakenUntil, reply.Credentials, err
}

// Completed reports success.
func (r Run) Completed(ctx context.Context) error {
	return r.post(ctx, "queue.reportCompleted", "/completed", nil)
}

// Failed reports that the task failed.
func (r Run) Failed(ctx context.Context) error {
	return r.post(ctx, "queue.reportFailed", "/failed", nil)
}

// Exception reports that the run could not be brought to an end, for one of the queue's reasons.
func (r Run) Exception(ctx context.Context, reason string) error {
	return r.post(ctx, "queue.reportException", "/exception", &struct {
		Reason string `json:"reason"`
	}{reason})
}

func (r Run) post(ctx context.Context, op, suffix string, body any) error {
	return r.client.call(ctx, op, "queue", r.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(body, "POST", r.route+suffix, new(json.RawMessage), nil)
		return err
	})
}

// artifactRequest is the body of createArtifact.
type artifactRequest struct {
	StorageType   string        `json:"storageType"`
	Expires       tcclient.Time `json:"expires"`
	ContentType   string        `json:"contentType,omitempty"`
	ContentLength *int64        `json:"contentLength,omitempty"`
	URL           string        `json:"url,omitempty"`
	Artifact      string        `json:"artifact,omitempty"`
	Reason        string        `json:"reason,omitempty"`
	Message       string        `json:"message,omitempty"`
}

// CreateArtifact implements TaskQueue.
func (r Run) CreateArtifact(ctx context.Context, name string, a Artifact) (Upload, error) {
	body := artifactRequest{
		a.StorageType, tcclient.Time(a.Expires), a.ContentType, a.ContentLength, a.URL, a.Artifact, a.Reason, a.Message,
	}
	var reply struct {
		PutURL      string      `json:"putUrl"`
		ContentType string      `json:"contentType"`
		Expires     time.Time   `json:"expires"`
		Name        string      `json:"name"`
		ProjectID   string      `json:"projectId"`
		UploadID    string      `json:"uploadId"`
		Credentials Credentials `json:"credentials"`
	}
	err := r.client.call(ctx, "queue.createArtifact", "queue", r.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(&body, "POST", r.artifact(name), &reply, nil)
		return err
	})
	if err != nil {
		return Upload{}, err
	}
	return Upload(reply), nil
}

// FinishArtifact implements TaskQueue.
func (r Run) FinishArtifact(ctx context.Context, name, uploadID string) error {
	body := struct {
		UploadID string `json:"uploadId"`
	}{uploadID}
	return r.client.call(ctx, "queue.finishArtifact", "queue", r.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(&body, "PUT", r.artifact(name), nil, nil)
		return err
	})
}

func (r Run) artifact(name string) string { return r.route + "/artifacts/" + url.PathEscape(name) }
