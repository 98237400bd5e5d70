package plugintest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

// wire has a worker's client talk to a Queue. It takes every report.
type wire struct {
	queue *Queue

	mu       sync.Mutex
	reported []string // completed, failed, or exception with its body
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, errors.Join(err, r.Body.Close())
		}
		_ = r.Body.Close()
	}
	status, reply := w.answer(r, body)
	text, err := json.Marshal(reply)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Body: io.NopCloser(bytes.NewReader(text)), Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
	}, nil
}

func (w *wire) answer(r *http.Request, body []byte) (status int, reply any) {
	path := r.URL.EscapedPath()
	_, escaped, artifact := strings.Cut(path, "/artifacts/")
	if !artifact {
		return w.report(path[strings.LastIndex(path, "/")+1:], body)
	}
	name, err := url.PathUnescape(escaped)
	var up tc.Upload
	if r.Method == http.MethodPut {
		var finished struct{ UploadID string }
		if err = errors.Join(err, json.Unmarshal(body, &finished)); err == nil {
			err = w.queue.FinishArtifact(r.Context(), name, finished.UploadID)
		}
	} else {
		var asked tc.Artifact // has the names of the call
		if err = errors.Join(err, json.Unmarshal(body, &asked)); err == nil {
			up, err = w.queue.CreateArtifact(r.Context(), name, asked)
		}
	}
	if err != nil {
		return max(tc.Status(err), http.StatusBadRequest), map[string]string{"code": "Scripted", "message": err.Error()}
	}
	return http.StatusOK, map[string]any{
		"putUrl": up.PutURL, "contentType": up.ContentType, "expires": up.Expires,
		"name": up.Name, "projectId": up.ProjectID, "uploadId": up.UploadID, "credentials": map[string]string{},
	}
}

func (w *wire) report(what string, body []byte) (status int, reply any) {
	if what == "reclaim" {
		return http.StatusOK, map[string]any{"takenUntil": time.Now().Add(time.Hour), "credentials": map[string]string{"clientId": "task"}}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var said struct{ Reason string }
	_ = json.Unmarshal(body, &said) // empty, but for exceptions
	w.reported = append(w.reported, strings.TrimSpace(what+" "+said.Reason))
	return http.StatusOK, map[string]any{}
}
