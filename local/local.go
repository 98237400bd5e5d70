// Package local assembles taskcluster-local: the Taskcluster services of one process, on one
// data folder and behind one root URL.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/auth"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/host"
	"github.com/workerkit/workerkit/local/index"
	"github.com/workerkit/workerkit/local/object"
	"github.com/workerkit/workerkit/local/purgecache"
	"github.com/workerkit/workerkit/local/queue"
	"github.com/workerkit/workerkit/local/reference"
	"github.com/workerkit/workerkit/local/secrets"
	"github.com/workerkit/workerkit/local/store"
	"github.com/workerkit/workerkit/local/workermanager"
)

// Options say how a server is set up. Only Dir and RootURL are required.
type Options struct {
	Dir     string           // the data folder; made when absent
	RootURL string           // where the server is reached, "http://127.0.0.1:8080"; see RootURL
	Clock   func() time.Time // what the services take for the time; time.Now when nil
	Logger  *slog.Logger     // discards when nil

	Delay        time.Duration // holds every reply back
	ClaimTimeout time.Duration // how long a claim lasts; 20 minutes when 0
	LongPoll     time.Duration // how long claimWork waits; 20 seconds when 0

	// Observe, when not nil, is told about every call once it is answered, concurrently.
	Observe func(api.Call)

	// Clouds are the emulated clouds, by providerId. Worker-manager provisions their pools.
	Clouds map[string]clouds.Cloud
	// Machines say how the clouds' machines are booted. Its Dir, Log and Clock may be left out.
	Machines host.Options
}

// Credentials are permanent credentials.
type Credentials struct {
	ClientID    string
	AccessToken secret.String
}

// Server is the services on an open data folder. It is an http.Handler, safe for concurrent use.
type Server struct {
	handler    http.Handler
	store      *store.Store
	auth       *auth.Auth
	workers    *workermanager.Server
	machines   *host.Host // nil without clouds
	logger     *slog.Logger
	background []func(context.Context) error
}

// Open opens the data folder and sets the services up. Another process that has the folder
// open makes it fail with store.ErrLocked.
func Open(ctx context.Context, o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	db, err := store.Open(filepath.Join(o.Dir, "services.db"))
	if err != nil {
		return nil, err
	}
	s := &Server{store: db, logger: o.Logger}
	if err := s.assemble(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("local: set up the services: %w", err), s.Close())
	}
	return s, nil
}

// assemble makes every service and the handler before them: the wiring diagram.
func (s *Server) assemble(ctx context.Context, o Options) error {
	rootURL := func() string { return o.RootURL }
	blobs, err := blob.Open(filepath.Join(o.Dir, "blobs"), blob.Options{Clock: o.Clock, RootURL: rootURL, Logger: o.Logger})
	if err != nil {
		return err
	}
	if s.machines, err = openHost(ctx, o); err != nil {
		return err
	}
	s.auth, err = auth.New(ctx, auth.Deps{
		Store: s.store, Clock: o.Clock, Logger: o.Logger, Issuers: []string{"queue", "worker-manager", "index"},
	})
	if err != nil {
		return err
	}
	objects := object.New(object.Deps{Store: s.store, Blobs: blobs, Clock: o.Clock, Logger: o.Logger})
	indexed := index.New(index.Deps{Store: s.store, Issuer: s.auth, Clock: o.Clock, RootURL: rootURL, Logger: o.Logger})
	tasks, err := queue.New(queue.Deps{
		Store: s.store, Issuer: s.auth, Blob: blobs, RootURL: rootURL, Clock: o.Clock, Logger: o.Logger,
		ClaimTimeout: o.ClaimTimeout, LongPoll: o.LongPoll,
		Uploaded: objects.Finished,
		OnCompleted: func(tx *store.Tx, done queue.Completion) error {
			return indexed.Completed(tx, index.Task{TaskID: done.TaskID, Routes: done.Routes, Extra: done.Extra, Expires: done.Expires})
		},
		OnPending: func(string) { s.workers.Nudge() }, // made before any call arrives
	})
	if err != nil {
		return err
	}
	s.workers = workermanager.New(workermanager.Deps{
		Store: s.store, Issuer: s.auth, Clock: o.Clock, Logger: o.Logger, Provisioning: s.provisioning(o, tasks, rootURL),
	})
	kept := secrets.New(secrets.Deps{Store: s.store, Clock: o.Clock, Logger: o.Logger})
	purges := purgecache.New(purgecache.Deps{Store: s.store, Clock: o.Clock})
	s.background = []func(context.Context) error{tasks.Run, s.provision, indexed.Run, objects.Run, kept.Run}

	ref, err := reference.Load()
	if err != nil {
		return err
	}
	services := api.NewServer(api.Options{Reference: ref, Authenticator: s.auth, Clock: o.Clock, Logger: o.Logger})
	for _, service := range []api.Service{
		s.auth.Service(), tasks.Service(), s.workers.Service(), indexed.Service(),
		objects.Service(), kept.Service(), purges.Service(),
	} {
		if err := services.Add(service); err != nil {
			return err
		}
	}
	s.handler = split(observed(services, "", o), map[string]http.Handler{
		blob.PathPrefix: observed(blobs.Handler(), "blob", o),
		ControlPath:     control{s.machines, s.auth.RootToken()},
		ShellPath:       http.HandlerFunc(shell),
	})
	return nil
}

// observed wraps a handler in the delay and, around it, the observer.
func observed(h http.Handler, service string, o Options) http.Handler {
	h = api.Delay(h, o.Delay)
	if o.Observe == nil {
		return h
	}
	// Calls are timed by the machine's clock: the services' may stand still.
	return api.Observe(h, service, time.Now, o.Observe)
}

// split sends paths by their prefixes to others, and all else to services. An http.ServeMux would
// tidy paths, in which every character counts here.
func split(services http.Handler, others map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for prefix, other := range others {
			if strings.HasPrefix(r.URL.Path, prefix) {
				other.ServeHTTP(w, r)
				return
			}
		}
		services.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// RootCredentials are those of the client that may do everything. They belong to the data folder.
func (s *Server) RootCredentials() Credentials {
	return Credentials{ClientID: auth.RootClientID, AccessToken: s.auth.RootToken()}
}

// TunnelSecret is the secret of websocktunnel servers that take the tokens of the auth service.
func (s *Server) TunnelSecret() secret.String { return s.auth.TunnelSecret() }

// Run does the services' work in the background, such as letting claims expire, until ctx
// ends. Serve runs it as well.
func (s *Server) Run(ctx context.Context) error {
	errs := make([]error, len(s.background))
	var wg sync.WaitGroup
	for i, run := range s.background {
		wg.Go(func() { errs[i] = run(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Close closes the data folder, and takes the machines away where Run did not. Nothing may use
// the server any more.
func (s *Server) Close() error {
	var err error
	if s.machines != nil {
		err = s.machines.Close()
	}
	return errors.Join(err, s.store.Close())
}
