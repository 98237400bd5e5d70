package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/store"
)

const (
	// afterException is how long artifacts may still be created once a run is an exception.
	afterException = 25 * time.Minute
	// uploadLimit bounds the life of the credentials for uploading an object.
	uploadLimit = 24 * time.Hour
	// maxName is how many characters a name may have, by the schema of artifacts.
	maxName = 1024
	// defaultType is the content type of artifacts that have none.
	defaultType = "application/binary"

	storageS3        = "s3"
	storageObject    = "object"
	storageReference = "reference"
	storageLink      = "link"
	storageError     = "error"
)

// artifact is what is known of an artifact: its info as the API shows it, and what its
// storage type needs.
type artifact struct {
	artifactInfo
	TaskID   string `json:"taskId"`
	RunID    int    `json:"runId"`
	Present  bool   `json:"present"`            // false until an object is finished
	UploadID string `json:"uploadId,omitempty"` // object
	URL      string `json:"url,omitempty"`      // reference
	Artifact string `json:"artifact,omitempty"` // link: the name of another
	Reason   string `json:"reason,omitempty"`   // error
	Message  string `json:"message,omitempty"`  // error
}

// artifactInfo is the reply of artifactInfo.
type artifactInfo struct {
	StorageType   string `json:"storageType"`
	Name          string `json:"name"`
	Expires       Time   `json:"expires"`
	ContentType   string `json:"contentType"`
	ContentLength *int64 `json:"contentLength,omitempty"`
}

func artifactPrefix(taskID string, runID int) string { return fmt.Sprintf("%s/%04d/", taskID, runID) }

func (a *artifact) key() string { return artifactPrefix(a.TaskID, a.RunID) + a.Name }

// blobKey is where an s3 artifact's bytes are.
func (a *artifact) blobKey() (bucket, key string) {
	bucket = blob.PrivateBucket
	if strings.HasPrefix(a.Name, "public/") {
		bucket = blob.PublicBucket
	}
	return bucket, fmt.Sprintf("%s/%d/%s", a.TaskID, a.RunID, a.Name)
}

// objectName is what the object service calls an object artifact.
func (a *artifact) objectName() string { return fmt.Sprintf("t/%s/%d/%s", a.TaskID, a.RunID, a.Name) }

// createArtifact notes an artifact of a run and tells how to upload it.
func (q *Queue) createArtifact(ctx context.Context, r *api.Request) (any, error) {
	var asked artifact
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	asked.Name = r.Params["name"]
	if err := asked.checkName(); err != nil {
		return nil, err
	}
	asked.Expires = Time{asked.Expires.UTC().Truncate(time.Millisecond)}
	asked.Present = asked.StorageType != storageObject
	if asked.ContentType == "" {
		asked.ContentType = defaultType
	}
	var reply any
	err := q.update(ctx, func(c *change) error {
		t, run, err := c.loadRun(r)
		if err != nil {
			return err
		}
		asked.TaskID, asked.RunID = t.TaskID, run.RunID
		if err := asked.allowed(t, run, c.now); err != nil {
			return err
		}
		kept, err := c.putArtifact(&asked)
		if err != nil {
			return err
		}
		reply, err = q.uploadReply(kept, t, run, c.now)
		return err
	})
	return reply, err
}

// checkName refuses the names that the replies' schemas have no room for. All others are fine:
// an artifact may be called what a file may be called.
func (a *artifact) checkName() error {
	if n := utf8.RuneCountInString(a.Name); n > maxName {
		return api.InputError("Artifact name has %d characters, it may have at most %d", n, maxName)
	}
	if !utf8.ValidString(a.Name) || strings.ContainsFunc(a.Name, unicode.IsControl) {
		return api.InputError("Artifact name %q has control characters or is not UTF-8", a.Name)
	}
	if a.StorageType == storageObject && strings.ContainsFunc(a.Name, func(r rune) bool { return r > unicode.MaxASCII }) {
		return api.InputError("Artifact name %q is not ASCII, as those of storage type object must be", a.Name)
	}
	return nil
}

// allowed tells whether the run may have the artifact.
func (a *artifact) allowed(t *task, run *Run, now time.Time) error {
	if a.Expires.After(t.Expires.Time) {
		return api.InputError("Artifact expires (%s) after the task expiration %s (task.expires < expires) - "+
			"this is not allowed, artifacts may not expire after the task they belong to expires", a.Expires, t.Expires)
	}
	if a.Expires.Before(now.Add(-clockDrift)) {
		return api.InputError("Artifact expires (%s) in the past", a.Expires)
	}
	if run.State == Running || run.State == Exception && now.Sub(run.Resolved.Time) <= afterException {
		return nil
	}
	status, err := json.MarshalIndent(t.Status, "", "  ")
	if err != nil {
		return fmt.Errorf("queue: encode the status: %w", err)
	}
	return api.Conflict("Artifacts cannot be created for a task after it is resolved, unless it is resolved 'exception', "+
		"and even in this case only up to 25 min past resolution."+
		"This to ensure that artifacts have been uploaded before a task is 'completed' and output is consumed by a dependent task"+
		"\n\nTask status: %s", status)
}

// putArtifact stores an artifact, or checks that the one that is there can become it, and
// gives what is stored now.
func (c *change) putArtifact(asked *artifact) (*artifact, error) {
	kept := *asked
	var former artifact
	found, err := c.Get(bucketArtifact, asked.key(), &former)
	if err != nil {
		return nil, err
	}
	if found {
		if !former.mayBecome(asked) {
			return nil, conflictWith(&former)
		}
		kept.Present, kept.UploadID = former.Present, former.UploadID
		if kept.ContentLength == nil {
			kept.ContentLength = former.ContentLength
		}
		if err := c.Delete(bucketTimer, former.timer().key()); err != nil {
			return nil, err
		}
	} else if kept.StorageType == storageObject {
		kept.UploadID = slugid.Nice()
	}
	if err := c.setTimer(kept.timer()); err != nil {
		return nil, err
	}
	return &kept, c.Put(bucketArtifact, kept.key(), &kept)
}

// mayBecome tells whether an artifact of the same name may replace this one: a repeated call,
// a longer life, another URL of a reference, a link in place of a reference.
func (a *artifact) mayBecome(b *artifact) bool {
	if b.Expires.Before(a.Expires.Time) {
		return false
	}
	if b.StorageType == storageLink && (a.StorageType == storageReference || a.StorageType == storageLink) {
		return a.StorageType == storageReference || a.Artifact == b.Artifact
	}
	return a.StorageType == b.StorageType && a.ContentType == b.ContentType && a.Reason == b.Reason && a.Message == b.Message
}

func conflictWith(former *artifact) error {
	info, err := json.MarshalIndent(former.artifactInfo, "", "  ")
	if err != nil {
		return fmt.Errorf("queue: encode the artifact: %w", err)
	}
	return api.Conflict("Artifact already exists, with different type or later expiration\n\n"+
		"Existing artifact information: %s", info)
}

// uploadReply tells the worker how to upload the artifact.
func (q *Queue) uploadReply(a *artifact, t *task, run *Run, now time.Time) (any, error) {
	switch a.StorageType {
	case storageS3:
		bucket, key := a.blobKey()
		url, until := q.deps.Blob.PutURL(bucket, key, http.Header{})
		return struct {
			StorageType string `json:"storageType"`
			ContentType string `json:"contentType"`
			Expires     Time   `json:"expires"`
			PutURL      string `json:"putUrl"`
		}{a.StorageType, a.ContentType, Time{until}, url}, nil
	case storageObject:
		return q.objectReply(a, t, run, now)
	default:
		return struct {
			StorageType string `json:"storageType"`
		}{a.StorageType}, nil
	}
}

func (q *Queue) objectReply(a *artifact, t *task, run *Run, now time.Time) (any, error) {
	until := a.Expires.Time
	if limit := now.Add(uploadLimit); until.After(limit) {
		until = limit
	}
	clientID := fmt.Sprintf("artifact-upload/%s/%d/on/%s/%s", a.TaskID, a.RunID, run.WorkerGroup, run.WorkerID)
	scopes := []string{"object:upload:" + t.ProjectID + ":" + a.objectName()}
	credentials, err := q.deps.Issuer.Issue(name, clientID, scopes, now, until)
	if err != nil {
		return nil, fmt.Errorf("queue: make credentials for an upload: %w", err)
	}
	return struct {
		StorageType string          `json:"storageType"`
		Name        string          `json:"name"`
		ProjectID   string          `json:"projectId"`
		UploadID    string          `json:"uploadId"`
		Expires     Time            `json:"expires"`
		Credentials api.Credentials `json:"credentials"`
	}{a.StorageType, a.objectName(), t.ProjectID, a.UploadID, a.Expires, credentials}, nil
}

// finishArtifact makes an object artifact, whose data is uploaded, part of the run.
func (q *Queue) finishArtifact(ctx context.Context, r *api.Request) (any, error) {
	var body struct {
		UploadID string `json:"uploadId"`
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	return nil, q.update(ctx, func(c *change) error {
		t, run, err := c.loadRun(r)
		if err != nil {
			return err
		}
		a, err := loadArtifact(c.Tx, artifactPrefix(t.TaskID, run.RunID)+r.Params["name"])
		if err != nil {
			return err
		}
		if a.StorageType != storageObject {
			return api.InputError("Artifacts of storage type %s are finished by createArtifact", a.StorageType)
		}
		if a.UploadID != body.UploadID {
			return api.InputError("Artifact has another uploadId")
		}
		if err := c.uploaded(a); err != nil {
			return err
		}
		a.Present = true
		return c.Put(bucketArtifact, a.key(), a)
	})
}

// uploaded checks that the object behind an artifact is complete.
func (c *change) uploaded(a *artifact) error {
	if c.queue.deps.Uploaded == nil {
		return nil
	}
	done, err := c.queue.deps.Uploaded(c.Tx, a.objectName(), a.UploadID)
	if err == nil && !done {
		err = api.InputError("The object %s is not uploaded and finished yet", a.objectName())
	}
	return err
}

func loadArtifact(tx *store.Tx, key string) (*artifact, error) {
	var a artifact
	found, err := tx.Get(bucketArtifact, key, &a)
	if err == nil && !found {
		err = api.NotFound("Artifact not found")
	}
	return &a, err
}

func (a *artifact) timer() timer { return timer{Kind: timerArtifact, ID: a.key(), Due: a.Expires} }

// expireArtifact forgets an artifact whose time has come.
func (c *change) expireArtifact(key string) error {
	var a artifact
	found, err := c.Get(bucketArtifact, key, &a)
	if err != nil || !found || a.Expires.After(c.now) {
		return err
	}
	return c.dropArtifact(&a)
}

// dropArtifact forgets an artifact and its bytes. The bytes go first: when the transaction
// fails afterwards, the next one finds them gone, which is no error. Objects have an expiry
// of their own with the object service.
func (c *change) dropArtifact(a *artifact) error {
	if a.StorageType == storageS3 {
		if err := c.queue.deps.Blob.Delete(a.blobKey()); err != nil {
			return err
		}
	}
	if err := c.Delete(bucketTimer, a.timer().key()); err != nil {
		return err
	}
	return c.Delete(bucketArtifact, a.key())
}
