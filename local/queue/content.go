package queue

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcobject"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/store"
)

const (
	// readValid is how long a URL of a private artifact's content works.
	readValid = 30 * time.Minute
	// downloadValid is how long credentials for downloading an object work.
	downloadValid = time.Hour
)

// find loads the artifact that the route names. Without a runId in the route, it is one of
// the task's last run.
func find(tx *store.Tx, r *api.Request, artifactName string) (*artifact, error) {
	run, err := latest(tx, r)
	if err != nil {
		return nil, err
	}
	a, err := loadArtifact(tx, artifactPrefix(r.Params["taskId"], run)+artifactName)
	if err == nil && !a.Present {
		err = api.NotFound("Artifact not found")
	}
	return a, err
}

// latest is the run that the route names, or the last one.
func latest(tx *store.Tx, r *api.Request) (int, error) {
	t, err := loadTask(tx, r.Params["taskId"])
	if err != nil {
		return 0, err
	}
	if _, named := r.Params["runId"]; !named {
		if len(t.Runs) == 0 {
			return 0, api.NotFound("Task `%s` has no runs.", t.TaskID)
		}
		return len(t.Runs) - 1, nil
	}
	run, err := t.routeRun(r)
	if err != nil {
		return 0, err
	}
	return run.RunID, nil
}

// findContent loads the artifact that the route names or, where that is a link, the one at
// the end of it. The caller needs the scopes for every name on the way.
func (q *Queue) findContent(ctx context.Context, r *api.Request) (*artifact, error) {
	names := []string{r.Params["name"]}
	for {
		if err := r.Authorize(map[string]any{"names": names}); err != nil {
			return nil, err
		}
		last := names[len(names)-1]
		a, err := store.Read(ctx, q.deps.Store, func(tx *store.Tx) (*artifact, error) { return find(tx, r, last) })
		if err != nil || a.StorageType != storageLink {
			return a, err
		}
		if slices.Contains(names, a.Artifact) {
			return nil, api.InputError("Artifact %s is a link that leads back to itself", a.Name)
		}
		names = append(names, a.Artifact)
	}
}

// getArtifact redirects to an artifact's bytes.
func (q *Queue) getArtifact(ctx context.Context, r *api.Request) (any, error) {
	a, err := q.findContent(ctx, r)
	if err != nil {
		return nil, err
	}
	url := a.URL
	switch a.StorageType {
	case storageError:
		return &api.Reply{Status: http.StatusFailedDependency, Body: struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		}{a.Reason, a.Message}}, nil
	case storageS3:
		url = q.contentURL(a)
	case storageObject:
		if url, err = q.objectURL(ctx, a); err != nil {
			return nil, err
		}
	}
	header := http.Header{"X-Taskcluster-Artifact-Storage-Type": {a.StorageType}}
	return &api.Redirect{Location: url, Body: urlReply{a.StorageType, url}, Header: header}, nil
}

// urlReply tells where an artifact's bytes are.
type urlReply struct {
	StorageType string `json:"storageType"`
	URL         string `json:"url"`
}

// contentURL is where an s3 artifact's bytes are.
func (q *Queue) contentURL(a *artifact) string {
	bucket, key := a.blobKey()
	if bucket == blob.PublicBucket {
		return q.deps.Blob.PublicURL(key)
	}
	return q.deps.Blob.GetURL(bucket, key, readValid)
}

// objectURL is where the object service hands out the artifact's bytes, with a bewit.
func (q *Queue) objectURL(ctx context.Context, a *artifact) (string, error) {
	credentials, err := q.downloadCredentials(a)
	if err != nil {
		return "", err
	}
	client := tcobject.New(&tcclient.Credentials{
		ClientID: credentials.ClientID, AccessToken: credentials.AccessToken, Certificate: credentials.Certificate,
	}, q.deps.RootURL())
	client.Context = ctx
	url, err := client.Download_SignedURL(a.objectName(), readValid)
	if err != nil {
		return "", fmt.Errorf("queue: sign the URL of an object: %w", err)
	}
	return url.String(), nil
}

func (q *Queue) downloadCredentials(a *artifact) (api.Credentials, error) {
	now := q.now()
	clientID := fmt.Sprintf("artifact-download/%s/%d/%s", a.TaskID, a.RunID, a.Name)
	credentials, err := q.deps.Issuer.Issue(name, clientID, []string{"object:download:" + a.objectName()}, now, now.Add(downloadValid))
	if err != nil {
		return credentials, fmt.Errorf("queue: make credentials for a download: %w", err)
	}
	return credentials, nil
}

// artifact tells where an artifact's bytes are, or how to get at them.
func (q *Queue) artifact(ctx context.Context, r *api.Request) (any, error) {
	a, err := q.findContent(ctx, r)
	if err != nil {
		return nil, err
	}
	switch a.StorageType {
	case storageError:
		return struct {
			StorageType string `json:"storageType"`
			Reason      string `json:"reason"`
			Message     string `json:"message"`
		}{a.StorageType, a.Reason, a.Message}, nil
	case storageObject:
		credentials, err := q.downloadCredentials(a)
		return struct {
			StorageType string          `json:"storageType"`
			Name        string          `json:"name"`
			Credentials api.Credentials `json:"credentials"`
		}{a.StorageType, a.objectName(), credentials}, err
	case storageS3:
		return urlReply{a.StorageType, q.contentURL(a)}, nil
	default:
		return urlReply{a.StorageType, a.URL}, nil
	}
}

// artifactInfo describes an artifact; it does not follow links.
func (q *Queue) artifactInfo(ctx context.Context, r *api.Request) (any, error) {
	a, err := store.Read(ctx, q.deps.Store, func(tx *store.Tx) (*artifact, error) { return find(tx, r, r.Params["name"]) })
	if err != nil {
		return nil, err
	}
	return a.artifactInfo, nil
}

func (q *Queue) listArtifacts(ctx context.Context, r *api.Request) (any, error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Artifacts []artifactInfo `json:"artifacts"`
		Token     string         `json:"continuationToken,omitempty"`
	}
	reply.Artifacts = []artifactInfo{}
	err = q.deps.Store.View(ctx, func(tx *store.Tx) error {
		run, err := latest(tx, r)
		if err != nil {
			return err
		}
		found, token, err := api.List(tx, bucketArtifact, artifactPrefix(r.Params["taskId"], run), page,
			func(a artifact) bool { return a.Present })
		for _, a := range found {
			reply.Artifacts = append(reply.Artifacts, a.artifactInfo)
		}
		reply.Token = token
		return err
	})
	return reply, err
}
