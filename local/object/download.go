package object

import (
	"context"
	"net/http"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/store"
)

// downloadFor is how long a download may be started after its URL was given out.
const downloadFor = 30 * time.Minute

// finished reads the object of the route; until it is finished it cannot be seen.
func (s *Server) finished(ctx context.Context, r *api.Request) (record, error) {
	return store.Read(ctx, s.store, func(tx *store.Tx) (record, error) {
		o, found, err := get(tx, r.Params["name"], s.clock())
		if err == nil && (!found || !o.Finished) {
			err = api.NotFound("Object not found")
		}
		return o, err
	})
}

func (s *Server) url(o record) string {
	return s.blobs.GetURL(blob.ObjectBucket, o.Name, downloadFor)
}

func (s *Server) startDownload(ctx context.Context, r *api.Request) (any, error) {
	var q struct {
		Accept struct {
			Simple bool `json:"simple"`
			GetURL bool `json:"getUrl"`
		} `json:"acceptDownloadMethods"`
	}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	o, err := s.finished(ctx, r)
	if err != nil {
		return nil, err
	}
	switch {
	case q.Accept.GetURL:
		return struct {
			Method  string            `json:"method"`
			URL     string            `json:"url"`
			Expires tcclient.Time     `json:"expires"`
			Hashes  map[string]string `json:"hashes"`
		}{"getUrl", s.url(o), tcclient.Time(s.clock().Add(downloadFor)), o.Hashes}, nil
	case q.Accept.Simple:
		return struct {
			Method string `json:"method"`
			URL    string `json:"url"`
		}{"simple", s.url(o)}, nil
	default:
		return nil, &api.Error{
			Status: http.StatusNotAcceptable, Code: "NoMatchingMethod",
			Message: "Object supports download methods getUrl and simple",
		}
	}
}

func (s *Server) object(ctx context.Context, r *api.Request) (any, error) {
	o, err := s.finished(ctx, r)
	return struct {
		ProjectID string            `json:"projectId"`
		Expires   tcclient.Time     `json:"expires"`
		Hashes    map[string]string `json:"hashes"`
	}{o.ProjectID, o.Expires, o.Hashes}, err
}

func (s *Server) download(ctx context.Context, r *api.Request) (any, error) {
	o, err := s.finished(ctx, r)
	if err != nil {
		return nil, err
	}
	return &api.Redirect{Location: s.url(o)}, nil
}
