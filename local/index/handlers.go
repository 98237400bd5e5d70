package index

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// redirectValid is how long the signed URL of findArtifactFromTask is good for.
const redirectValid = 15 * time.Minute

// entryList is the reply of the calls that list tasks.
type entryList struct {
	Tasks             []entry `json:"tasks"`
	ContinuationToken string  `json:"continuationToken,omitempty"`
}

func (s *Server) findTask(ctx context.Context, r *api.Request) (any, error) {
	return s.find(ctx, r.Params["indexPath"])
}

func (s *Server) find(ctx context.Context, path string) (entry, error) {
	return store.Read(ctx, s.store, func(tx *store.Tx) (entry, error) {
		e, found, err := s.lookUp(tx, path)
		if err == nil && !found {
			err = api.NotFound("Indexed task not found")
		}
		return e, err
	})
}

// findTasksAtIndex lists the tasks at the paths in the body; paths without one are left out.
// One reply holds them all, so there is never a continuationToken.
func (s *Server) findTasksAtIndex(ctx context.Context, r *api.Request) (any, error) {
	var q struct {
		Indexes []string `json:"indexes"`
	}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{"indexPaths": q.Indexes}); err != nil {
		return nil, err
	}
	return store.Read(ctx, s.store, func(tx *store.Tx) (entryList, error) {
		out := entryList{Tasks: []entry{}}
		seen := map[string]bool{}
		for _, path := range q.Indexes {
			e, found, err := s.lookUp(tx, path)
			if err != nil {
				return out, err
			}
			if found && !seen[path] {
				out.Tasks = append(out.Tasks, e)
			}
			seen[path] = true
		}
		return out, nil
	})
}

func (s *Server) listTasks(ctx context.Context, r *api.Request) (any, error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	return store.Read(ctx, s.store, func(tx *store.Tx) (entryList, error) {
		live := func(e entry) bool { return s.live(e.Expires) }
		tasks, token, err := api.List(tx, taskBucket, prefix(r.Params["namespace"]), page, live)
		return entryList{tasks, token}, err
	})
}

func (s *Server) listNamespaces(ctx context.Context, r *api.Request) (any, error) {
	type reply struct {
		Namespaces        []namespace `json:"namespaces"`
		ContinuationToken string      `json:"continuationToken,omitempty"`
	}
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	return store.Read(ctx, s.store, func(tx *store.Tx) (reply, error) {
		live := func(n namespace) bool { return s.live(n.Expires) }
		namespaces, token, err := api.List(tx, namespaceBucket, prefix(r.Params["namespace"]), page, live)
		return reply{namespaces, token}, err
	})
}

func (s *Server) insertTask(ctx context.Context, r *api.Request) (any, error) {
	var e entry
	if err := r.Decode(&e); err != nil {
		return nil, err
	}
	e.Namespace = r.Params["namespace"]
	return store.Write(ctx, s.store, func(tx *store.Tx) (entry, error) { return s.insert(tx, e) })
}

func (s *Server) deleteTask(ctx context.Context, r *api.Request) (any, error) {
	return nil, s.store.Update(ctx, func(tx *store.Tx) error {
		return tx.Delete(taskBucket, key(r.Params["namespace"]))
	})
}

// findArtifactFromTask redirects to the queue. What is not public is reached by a URL signed
// with credentials for that artifact only: the caller has shown the scope for it.
func (s *Server) findArtifactFromTask(ctx context.Context, r *api.Request) (any, error) {
	e, err := s.find(ctx, r.Params["indexPath"])
	if err != nil {
		return nil, err
	}
	name := r.Params["name"]
	path := "/task/" + e.TaskID + "/artifacts/" + url.PathEscape(name)
	if strings.HasPrefix(name, "public/") {
		return &api.Redirect{Location: strings.TrimSuffix(s.rootURL(), "/") + "/api/queue/v1" + path}, nil
	}
	location, err := s.sign(path, name)
	if err != nil {
		return nil, fmt.Errorf("index: sign the artifact's URL: %w", err)
	}
	return &api.Redirect{Location: location}, nil
}

func (s *Server) sign(path, name string) (string, error) {
	now := s.clock()
	creds, err := s.issuer.Issue("index", "artifact-download/"+name, []string{"queue:get-artifact:" + name}, now, now.Add(redirectValid))
	if err != nil {
		return "", err
	}
	client := tcclient.Client{
		RootURL: s.rootURL(), ServiceName: "queue", APIVersion: "v1", Authenticate: true,
		Credentials: &tcclient.Credentials{ClientID: creds.ClientID, AccessToken: creds.AccessToken, Certificate: creds.Certificate},
	}
	signed, err := client.SignedURL(path, nil, redirectValid)
	if err != nil {
		return "", err
	}
	return signed.String(), nil
}
