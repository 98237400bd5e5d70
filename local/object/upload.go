package object

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/store"
)

// createRequest is the body of createUpload.
type createRequest struct {
	ProjectID string            `json:"projectId"`
	UploadID  string            `json:"uploadId"`
	Expires   tcclient.Time     `json:"expires"`
	Hashes    map[string]string `json:"hashes"`
	Proposed  struct {
		DataInline *inlineRequest `json:"dataInline"`
		PutURL     *putRequest    `json:"putUrl"`
	} `json:"proposedUploadMethods"`
}

// inline is the data that came with the request. The public Go client proposes empty data
// beside every PUT, which then is what it means.
func (q createRequest) inline() *inlineRequest {
	data, put := q.Proposed.DataInline, q.Proposed.PutURL
	if data != nil && data.ObjectData == "" && put != nil && put.ContentLength > 0 {
		return nil
	}
	return data
}

type inlineRequest struct {
	ContentType string `json:"contentType"`
	ObjectData  string `json:"objectData"` // base64
}

type putRequest struct {
	ContentType   string `json:"contentType"`
	ContentLength int64  `json:"contentLength"`
}

// createReply is the reply of createUpload.
type createReply struct {
	ProjectID string        `json:"projectId"`
	UploadID  string        `json:"uploadId"`
	Expires   tcclient.Time `json:"expires"`
	Method    uploadMethod  `json:"uploadMethod"`
}

// uploadMethod is the one of the proposed methods that was chosen, or none.
type uploadMethod struct {
	DataInline bool      `json:"dataInline,omitempty"`
	PutURL     *putReply `json:"putUrl,omitempty"`
}

type putReply struct {
	URL     string            `json:"url"`
	Expires tcclient.Time     `json:"expires"`
	Headers map[string]string `json:"headers"`
}

func (s *Server) createUpload(ctx context.Context, r *api.Request) (any, error) {
	var q createRequest
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{"projectId": q.ProjectID}); err != nil {
		return nil, err
	}
	name := r.Params["name"]
	if err := s.store.Update(ctx, func(tx *store.Tx) error { return s.begin(tx, name, q) }); err != nil {
		return nil, err
	}
	method, err := s.choose(ctx, name, q)
	return createReply{q.ProjectID, q.UploadID, q.Expires, method}, err
}

// begin makes the object, or checks that q goes on with the upload that made it.
func (s *Server) begin(tx *store.Tx, name string, q createRequest) error {
	now := s.clock()
	o, found, err := get(tx, name, now)
	switch {
	case err != nil:
		return err
	case !found && !time.Time(q.Expires).After(now):
		return api.InputError("expires must be in the future")
	case !found:
		o = record{
			Name: name, ProjectID: q.ProjectID, UploadID: q.UploadID, Created: tcclient.Time(now.UTC()),
			Expires: q.Expires, Hashes: map[string]string{},
		}
	case o.Finished:
		return api.Conflict("Object already exists and is finished")
	case o.UploadID != q.UploadID || o.ProjectID != q.ProjectID || !time.Time(o.Expires).Equal(time.Time(q.Expires)):
		return api.Conflict("Object already exists with another uploadId, projectId or expires")
	}
	if err := o.addHashes(q.Hashes); err != nil {
		return err
	}
	return tx.Put(bucket, name, o)
}

// choose takes the data that came inline, else signs a URL, else leaves the choice open.
func (s *Server) choose(ctx context.Context, name string, q createRequest) (uploadMethod, error) {
	if p := q.inline(); p != nil {
		data, err := base64.StdEncoding.DecodeString(p.ObjectData)
		if err != nil {
			return uploadMethod{}, api.InputError("objectData is not base64: %v", err)
		}
		meta := blob.Meta{ContentType: p.ContentType}
		_, err = s.blobs.Write(ctx, blob.ObjectBucket, name, meta, int64(len(data)), bytes.NewReader(data))
		if err != nil {
			return uploadMethod{}, fmt.Errorf("object: store inline data: %w", err)
		}
		return uploadMethod{DataInline: true}, nil
	}
	if p := q.Proposed.PutURL; p != nil {
		headers := map[string]string{
			"Content-Type":     p.ContentType,
			"Content-Length":   strconv.FormatInt(p.ContentLength, 10),
			"Content-Encoding": "identity",
		}
		signed := http.Header{}
		for name, value := range headers {
			signed.Set(name, value)
		}
		url, expires := s.blobs.PutURL(blob.ObjectBucket, name, signed)
		return uploadMethod{PutURL: &putReply{url, tcclient.Time(expires), headers}}, nil
	}
	return uploadMethod{}, nil
}

func (s *Server) finishUpload(ctx context.Context, r *api.Request) (any, error) {
	var q struct {
		ProjectID string            `json:"projectId"`
		UploadID  string            `json:"uploadId"`
		Hashes    map[string]string `json:"hashes"`
	}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{"projectId": q.ProjectID}); err != nil {
		return nil, err
	}
	name := r.Params["name"]
	return nil, s.store.Update(ctx, func(tx *store.Tx) error {
		o, found, err := get(tx, name, s.clock())
		switch {
		case err != nil:
			return err
		case !found:
			return api.NotFound("Object not found")
		case o.ProjectID != q.ProjectID:
			return api.InputError("projectId is not that of the object")
		case o.UploadID != q.UploadID:
			return api.Conflict("Object has another uploadId")
		}
		if _, err := s.blobs.Stat(blob.ObjectBucket, name); errors.Is(err, blob.ErrNotFound) {
			return api.Conflict("Nothing has been uploaded yet")
		} else if err != nil {
			return fmt.Errorf("object: finish %s: %w", name, err)
		}
		if err := o.addHashes(q.Hashes); err != nil {
			return err
		}
		o.Finished = true
		return tx.Put(bucket, name, o)
	})
}
