// Package localtest runs taskcluster-local inside a test.
package localtest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/host"
)

// Instance is a running server.
type Instance struct {
	RootURL     string
	ClientID    string // of a client that may do everything
	AccessToken string
	Server      *local.Server

	clock func() time.Time // the services'
	stop  func() error     // ends the server and waits for it; only once

	mu    sync.Mutex
	calls []api.Call
}

// Option changes how Start sets the server up.
type Option func(*local.Options)

// Clock sets the services' clock. Signatures are fresh or stale by the machine's clock all the same.
func Clock(clock func() time.Time) Option { return func(o *local.Options) { o.Clock = clock } }

// Delay holds every reply back by d.
func Delay(d time.Duration) Option { return func(o *local.Options) { o.Delay = d } }

// ClaimTimeout sets how long a claim lasts.
func ClaimTimeout(d time.Duration) Option { return func(o *local.Options) { o.ClaimTimeout = d } }

// LongPoll sets how long claimWork waits for a task.
func LongPoll(d time.Duration) Option { return func(o *local.Options) { o.LongPoll = d } }

// Clouds gives the server emulated clouds, by providerId, whose machines run the programs that
// machines names. A fake Clock is theirs as well.
func Clouds(byProvider map[string]clouds.Cloud, machines host.Options) Option {
	return func(o *local.Options) { o.Clouds, o.Machines = byProvider, machines }
}

// Dir sets the data folder, for a test that starts a server on it again; it is a temporary
// one otherwise.
func Dir(dir string) Option { return func(o *local.Options) { o.Dir = dir } }

// Start starts a server on a data folder of its own, at a free port of loopback. It stops
// when the test ends, and fails the test if any reply was a 500: that is a fault of the
// services, such as a reply that breaks its schema.
func Start(t testing.TB, options ...Option) *Instance {
	t.Helper()
	listener, err := local.Listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	i := &Instance{RootURL: local.RootURL(listener)}
	o := local.Options{
		Dir: t.TempDir(), RootURL: i.RootURL, Clock: time.Now, Observe: i.observe,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, option := range options {
		option(&o)
	}
	i.clock = o.Clock
	i.Server, err = local.Open(t.Context(), o)
	if err != nil {
		t.Fatal(errors.Join(err, listener.Close()))
	}
	root := i.Server.RootCredentials()
	i.ClientID, i.AccessToken = root.ClientID, root.AccessToken.Reveal()

	// t.Context ends before the cleanups run; the server must outlive the test's own ones.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- i.Server.Serve(ctx, listener) }()
	i.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-served, i.Server.Close())
	})
	t.Cleanup(func() {
		i.Stop(t)
		i.check(t)
	})
	return i
}

// Stop stops the server before the test ends, as a test does that starts another one on its folder.
func (i *Instance) Stop(t testing.TB) {
	t.Helper()
	if err := i.stop(); err != nil {
		t.Error(err)
	}
}

// observe notes a call.
func (i *Instance) observe(call api.Call) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls = append(i.calls, call)
}

// Calls returns the calls that were answered so far, in the order of their ends. Those to
// signed URLs are of the service "blob".
func (i *Instance) Calls() []api.Call {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.calls)
}

// check fails the test for every call that the server could not answer.
func (i *Instance) check(t testing.TB) {
	for _, call := range i.Calls() {
		if call.Status == http.StatusInternalServerError {
			t.Errorf("%s.%s answered %d: see the server's log", call.Service, call.Method, call.Status)
		}
	}
}

// Credentials are the root client's, for the Go client.
func (i *Instance) Credentials() *tcclient.Credentials {
	return &tcclient.Credentials{ClientID: i.ClientID, AccessToken: i.AccessToken}
}
