// Package secrets is the secrets service: JSON objects by name, each readable by its scope
// until it expires.
package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

const (
	bucket    = "secrets/secrets"
	pageLimit = 1000

	sweepEvery = time.Minute
	// shownAsGone is how long an expired secret answers 410 before its name answers 404.
	shownAsGone = time.Hour
)

// Deps is what the service needs; all of it is required.
type Deps struct {
	Store  *store.Store
	Clock  func() time.Time
	Logger *slog.Logger
}

// Server is the service. It is safe for concurrent use; all its state is in the store.
type Server struct {
	store  *store.Store
	clock  func() time.Time
	logger *slog.Logger
}

// New makes the service.
func New(d Deps) *Server { return &Server{store: d.Store, clock: d.Clock, logger: d.Logger} }

// Service lists the service's methods.
func (s *Server) Service() api.Service {
	return api.Service{Name: "secrets", Handlers: map[string]api.Handler{
		"set":    s.set,
		"remove": s.remove,
		"get":    s.get,
		"list":   s.list,
	}}
}

// record is a secret, as it is stored and as set and get carry it.
type record struct {
	Name    string          `json:"name,omitempty"`
	Secret  json.RawMessage `json:"secret"`
	Expires tcclient.Time   `json:"expires"`
}

func (s *Server) expired(r record) bool { return !s.clock().Before(time.Time(r.Expires)) }

func (s *Server) set(ctx context.Context, r *api.Request) (any, error) {
	var secret record
	if err := r.Decode(&secret); err != nil {
		// The body is valid by its schema, so this never happens; it must not say more,
		// for a decoder quotes what it does not understand.
		return nil, errors.New("secrets: decode the request")
	}
	secret.Name = r.Params["name"]
	return nil, s.store.Update(ctx, func(tx *store.Tx) error { return tx.Put(bucket, secret.Name, secret) })
}

func (s *Server) remove(ctx context.Context, r *api.Request) (any, error) {
	return nil, s.store.Update(ctx, func(tx *store.Tx) error { return tx.Delete(bucket, r.Params["name"]) })
}

func (s *Server) get(ctx context.Context, r *api.Request) (any, error) {
	return store.Read(ctx, s.store, func(tx *store.Tx) (record, error) {
		var secret record
		found, err := tx.Get(bucket, r.Params["name"], &secret)
		switch {
		case err != nil:
			return record{}, err
		case !found:
			return record{}, api.NotFound("Secret not found")
		case s.expired(secret):
			return record{}, &api.Error{Status: http.StatusGone, Code: "ResourceExpired", Message: "The requested resource has expired."}
		}
		secret.Name = ""
		return secret, nil
	})
}

func (s *Server) list(ctx context.Context, r *api.Request) (any, error) {
	type reply struct {
		Secrets           []string `json:"secrets"`
		ContinuationToken string   `json:"continuationToken,omitempty"`
	}
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	return store.Read(ctx, s.store, func(tx *store.Tx) (reply, error) {
		live := func(r record) bool { return !s.expired(r) }
		secrets, token, err := api.List(tx, bucket, "", page, live)
		out := reply{[]string{}, token}
		for _, secret := range secrets {
			out.Secrets = append(out.Secrets, secret.Name)
		}
		return out, err
	})
}

// Run removes, once a minute until ctx ends, secrets that expired some time ago.
func (s *Server) Run(ctx context.Context) error {
	store.Every(ctx, sweepEvery, s.logger, s.Sweep)
	return nil
}

// Sweep does once what Run does every minute.
func (s *Server) Sweep(ctx context.Context) error {
	limit := s.clock().Add(-shownAsGone)
	return store.Expire(ctx, s.store, bucket, func(r record) bool { return time.Time(r.Expires).Before(limit) })
}
