// Package index is the index service: it finds tasks by dotted paths such as
// "project.branch.latest.build", which completed tasks claim with their routes.
package index

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// The buckets: both hold what is immediately under a namespace, by key.
const (
	taskBucket      = "index/tasks"
	namespaceBucket = "index/namespaces"

	pageLimit  = 1000
	sweepEvery = time.Minute
)

// Deps is what the service needs; all of it is required.
type Deps struct {
	Store   *store.Store
	Issuer  api.Issuer
	Clock   func() time.Time
	RootURL func() string
	Logger  *slog.Logger
}

// Server is the service. It is safe for concurrent use; all its state is in the store.
type Server struct {
	store   *store.Store
	issuer  api.Issuer
	clock   func() time.Time
	rootURL func() string
	logger  *slog.Logger
}

// New makes the service.
func New(d Deps) *Server {
	return &Server{store: d.Store, issuer: d.Issuer, clock: d.Clock, rootURL: d.RootURL, logger: d.Logger}
}

// Service lists the service's methods.
func (s *Server) Service() api.Service {
	return api.Service{Name: "index", Handlers: map[string]api.Handler{
		"findTask":             s.findTask,
		"findTasksAtIndex":     s.findTasksAtIndex,
		"listNamespaces":       s.listNamespaces,
		"listTasks":            s.listTasks,
		"insertTask":           s.insertTask,
		"deleteTask":           s.deleteTask,
		"findArtifactFromTask": s.findArtifactFromTask,
	}}
}

// entry is an indexed task, as it is stored and shown.
type entry struct {
	Namespace string          `json:"namespace"` // the whole path
	TaskID    string          `json:"taskId"`
	Rank      float64         `json:"rank"`
	Data      json.RawMessage `json:"data"`
	Expires   tcclient.Time   `json:"expires"`
}

// namespace is a namespace, as it is stored and shown.
type namespace struct {
	Namespace string        `json:"namespace"` // the whole path
	Name      string        `json:"name"`      // its last part
	Expires   tcclient.Time `json:"expires"`
}

// key makes the parts of a path sort under their namespace: "a.b.c" is c under a.b.
func key(path string) string {
	under, name := split(path)
	return prefix(under) + name
}

func prefix(under string) string { return under + "\x00" }

func split(path string) (under, name string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// insert puts e into the index unless what is there has a higher rank, and gives what is
// there afterwards.
func (s *Server) insert(tx *store.Tx, e entry) (entry, error) {
	old, found, err := s.lookUp(tx, e.Namespace)
	if err != nil {
		return e, err
	}
	if found && old.Rank > e.Rank {
		return old, nil
	}
	if err := tx.Put(taskBucket, key(e.Namespace), e); err != nil {
		return e, err
	}
	for path, _ := split(e.Namespace); path != ""; path, _ = split(path) {
		if err := extend(tx, path, e.Expires); err != nil {
			return e, err
		}
	}
	return e, nil
}

// extend makes a namespace live at least until expires.
func extend(tx *store.Tx, path string, expires tcclient.Time) error {
	var n namespace
	found, err := tx.Get(namespaceBucket, key(path), &n)
	if err != nil {
		return err
	}
	if found && !time.Time(n.Expires).Before(time.Time(expires)) {
		return nil
	}
	_, name := split(path)
	return tx.Put(namespaceBucket, key(path), namespace{Namespace: path, Name: name, Expires: expires})
}

// lookUp finds the task at a path that has not expired.
func (s *Server) lookUp(tx *store.Tx, path string) (e entry, found bool, err error) {
	found, err = tx.Get(taskBucket, key(path), &e)
	if err != nil || !found || !s.live(e.Expires) {
		return entry{}, false, err
	}
	return e, true, nil
}

func (s *Server) live(expires tcclient.Time) bool { return s.clock().Before(time.Time(expires)) }

// Task is what the index needs of a completed task.
type Task struct {
	TaskID  string
	Routes  []string        // those that start with "index." count
	Extra   json.RawMessage // its index object may give rank, expires and data
	Expires time.Time       // of the entries, unless Extra says otherwise
}

// Completed indexes a task that has completed. It is called inside the transaction that
// completes the task, so that whoever sees the one sees the other.
func (s *Server) Completed(tx *store.Tx, t Task) error {
	var extra struct {
		Index struct {
			Rank    float64         `json:"rank"`
			Expires tcclient.Time   `json:"expires"`
			Data    json.RawMessage `json:"data"`
		} `json:"index"`
	}
	// A task may put anything there; what does not fit counts as absent.
	if len(t.Extra) > 0 && json.Unmarshal(t.Extra, &extra) != nil {
		extra.Index.Rank, extra.Index.Expires, extra.Index.Data = 0, tcclient.Time{}, nil
	}
	e := entry{TaskID: t.TaskID, Rank: extra.Index.Rank, Data: extra.Index.Data, Expires: extra.Index.Expires}
	if len(e.Data) == 0 || e.Data[0] != '{' {
		e.Data = json.RawMessage("{}")
	}
	if time.Time(e.Expires).IsZero() {
		e.Expires = tcclient.Time(t.Expires)
	}
	for _, route := range t.Routes {
		path, ok := strings.CutPrefix(route, "index.")
		if !ok || path == "" {
			continue
		}
		e.Namespace = path
		if _, err := s.insert(tx, e); err != nil {
			return fmt.Errorf("index: insert %s: %w", path, err)
		}
	}
	return nil
}

// Run removes, once a minute until ctx ends, what has expired.
func (s *Server) Run(ctx context.Context) error {
	store.Every(ctx, sweepEvery, s.logger, s.Sweep)
	return nil
}

// Sweep does once what Run does every minute.
func (s *Server) Sweep(ctx context.Context) error {
	if err := store.Expire(ctx, s.store, taskBucket, func(e entry) bool { return !s.live(e.Expires) }); err != nil {
		return err
	}
	return store.Expire(ctx, s.store, namespaceBucket, func(n namespace) bool { return !s.live(n.Expires) })
}
