package crashtest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/taskcluster/httpbackoff/v3"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// absent is the state of what is not there.
const absent = "absent"

// fact is one thing that the server keeps, as a text. One worker at a time changes it.
type fact struct {
	name    string
	read    func(*server) (string, error)
	known   string   // what was acknowledged
	maybe   []string // what a call that got no answer would have made of it
	changed bool     // since it was last checked
}

// check reads the fact after a restart: it must be as acknowledged or, when a call was under
// way, as that call would have left it. From then on that is what is known.
func (f *fact) check(s *server) error {
	got, err := f.read(s)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if got != f.known && !slices.Contains(f.maybe, got) {
		return fmt.Errorf("%s is %.80q; %.80q was acknowledged, %.80q under way", f.name, got, f.known, f.maybe)
	}
	f.known, f.maybe, f.changed = got, nil, false
	return nil
}

// lost is an answer that shows a fault of the server, though it is not an error of the API.
type lost struct{ what string }

func (l *lost) Error() string { return l.what }

// status is the status of an answered call; ok is false when there was no answer.
func status(err error) (code int, ok bool) {
	if err == nil {
		return http.StatusOK, true
	}
	if errors.As(err, new(*lost)) {
		return http.StatusInternalServerError, true
	}
	if exception, ok := errors.AsType[*tcclient.APICallException](err); ok {
		err = exception.RootCause
	}
	if bad, ok := errors.AsType[httpbackoff.BadHttpResponseCode](err); ok {
		return bad.HttpResponseCode, true
	}
	return 0, false
}

// orAbsent turns a 404 into the state absent.
func orAbsent(state string, err error) (string, error) {
	if code, ok := status(err); ok && code == http.StatusNotFound {
		return absent, nil
	}
	return state, err
}

func secretFact(name string) *fact {
	return &fact{name: "secret " + name, known: absent, read: func(s *server) (string, error) {
		secret, err := s.secrets().Get(name)
		if err != nil {
			return orAbsent("", err)
		}
		return string(secret.Secret), nil
	}}
}

func clientFact(id string) *fact {
	return &fact{name: "client " + id, known: absent, read: func(s *server) (string, error) {
		client, err := s.auth().Client(id)
		if err != nil {
			return orAbsent("", err)
		}
		return client.Description, nil
	}}
}

func taskFact(taskID string) *fact {
	return &fact{name: "task " + taskID, known: absent, read: func(s *server) (string, error) {
		status, err := s.queue(s.root).Status(taskID)
		if err != nil {
			return orAbsent("", err)
		}
		return fmt.Sprintf("%s, %d runs", status.Status.State, len(status.Status.Runs)), nil
	}}
}

func indexFact(path string) *fact {
	return &fact{name: "index " + path, known: absent, read: func(s *server) (string, error) {
		task, err := s.index().FindTask(path)
		if err != nil {
			return orAbsent("", err)
		}
		return task.TaskID, nil
	}}
}

// empty is the state of an artifact that was created but has no bytes yet.
const empty = "empty"

func artifactFact(taskID, name string) *fact {
	return &fact{name: "artifact " + taskID + " " + name, known: absent, read: func(s *server) (string, error) {
		if _, err := s.queue(s.root).ArtifactInfo(taskID, "0", name); err != nil {
			return orAbsent("", err)
		}
		response, err := s.http.Get(s.rootURL + "/api/queue/v1/task/" + taskID + "/runs/0/artifacts/" + url.PathEscape(name))
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return "", err
		}
		switch response.StatusCode {
		case http.StatusOK:
			return digest(body), nil
		case http.StatusNotFound:
			return empty, nil
		default:
			return "", fmt.Errorf("GET answers %s", response.Status)
		}
	}}
}
