package plugintest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

// Queue is a tc.TaskQueue that notes every call, gives signed URLs of its Store and fails as it
// is told. It may be used from any goroutine.
type Queue struct {
	Store *Store
	// Hold, when not nil, keeps every call waiting until it is closed or the call's context ends.
	Hold chan struct{}

	mu       sync.Mutex
	calls    []Call
	failures map[string][]error
}

// Call is one call that was made.
type Call struct {
	Op   string // createArtifact or finishArtifact
	Name string // of the artifact
	tc.Artifact
}

// String shows what the contract of a plugin is about.
func (c Call) String() string {
	switch c.StorageType {
	case "link":
		return c.Op + " link " + c.Name + " to " + c.Artifact.Artifact
	case "":
		return c.Op + " " + c.Name
	default:
		return c.Op + " " + c.StorageType + " " + c.Name
	}
}

var _ tc.TaskQueue = (*Queue)(nil)

// NewQueue makes a queue with a store of its own.
func NewQueue(t testing.TB) *Queue {
	t.Helper()
	return &Queue{Store: NewStore(t), failures: map[string][]error{}}
}

// Fail makes the next calls for the artifact fail, one after another; nil is a success.
func (q *Queue) Fail(name string, errs ...error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failures[name] = append(q.failures[name], errs...)
}

// Refusal is what the queue answers with this status.
func Refusal(status int) error {
	return &tc.Error{Op: "queue.createArtifact", Status: status, Code: "Scripted", Message: http.StatusText(status)}
}

// Calls returns the calls so far.
func (q *Queue) Calls() []Call {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.calls)
}

// CreateArtifact implements tc.TaskQueue.
func (q *Queue) CreateArtifact(ctx context.Context, name string, a tc.Artifact) (tc.Upload, error) {
	if err := q.note(ctx, Call{Op: "createArtifact", Name: name, Artifact: a}); err != nil {
		return tc.Upload{}, err
	}
	switch a.StorageType {
	case "s3":
		return tc.Upload{PutURL: q.Store.sign(name), ContentType: a.ContentType, Expires: time.Now().Add(45 * time.Minute)}, nil
	case "object":
		return tc.Upload{Name: "t/" + name, ProjectID: "project", UploadID: "upload-" + name, Expires: a.Expires}, nil
	default:
		return tc.Upload{}, nil
	}
}

// FinishArtifact implements tc.TaskQueue.
func (q *Queue) FinishArtifact(ctx context.Context, name, uploadID string) error {
	if uploadID != "upload-"+name {
		return fmt.Errorf("finishArtifact %s: upload %q is not this artifact's", name, uploadID)
	}
	return q.note(ctx, Call{Op: "finishArtifact", Name: name})
}

// note notes a call and says how it ends.
func (q *Queue) note(ctx context.Context, c Call) error {
	if q.Hold != nil {
		select {
		case <-q.Hold:
		case <-ctx.Done():
			return &tc.Error{Op: "queue." + c.Op, Err: context.Cause(ctx)}
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls = append(q.calls, c)
	if left := q.failures[c.Name]; len(left) > 0 {
		q.failures[c.Name] = left[1:]
		return left[0]
	}
	return nil
}
