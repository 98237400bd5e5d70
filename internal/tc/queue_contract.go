package tc

import (
	"context"
	"time"
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
