package runner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/policy"
	"github.com/workerkit/workerkit/runner/register"
)

func ruleOf(restarts int, within, backOff time.Duration) policy.Rule {
	return policy.Rule{Restarts: restarts, Within: within, BackOff: backOff}
}

// desk is a runner and a machine without a deployment. It lives in a bubble of testing/synctest:
// what is switched off or removed is counted, and time is the bubble's.
type desk struct {
	*runner
	machine *machine

	mu      sync.Mutex
	log     bytes.Buffer
	did     []string // removals, power-offs, reboots, reports, in their order
	bodies  []string // of reports
	refuses map[string]func(*http.Request) (*http.Response, error)
}

func newDesk(t *testing.T, ephemeral bool) *desk {
	t.Helper()
	d := &desk{refuses: map[string]func(*http.Request) (*http.Response, error){}}
	begin := time.Now()
	place := config.Place{Kind: providers.Kind{Name: "cloud", Ephemeral: ephemeral}}
	c := config.Config{
		Place: place, Policy: policy.Defaults(policy.Place{Ephemeral: ephemeral}),
		Worker:   config.Worker{Implementation: config.GenericWorker, ConfigPath: filepath.Join(t.TempDir(), "worker.json")},
		HoldFile: filepath.Join(t.TempDir(), "hold"),
	}
	d.runner = newRunner(t.Context(), c, Deps{
		Log: slog.New(slog.NewTextHandler(d, nil)), Stderr: io.Discard,
		BootTime: func() (time.Time, error) { return begin, nil },
		PowerOff: func(ctx context.Context) error { return d.act(ctx, "off") },
		Reboot:   func(ctx context.Context) error { return d.act(ctx, "reboot") },
		Grace:    time.Minute, HelloWithin: time.Minute, RebootGrace: time.Minute,
		LastLines: func() []string { return []string{"the last line says token-0"} },
		Random:    func() float64 { return 0 },
	})
	d.answered = true // as after Identify
	t.Cleanup(d.ours.wait)
	d.client = tc.New("https://tc.example.com", &http.Client{Transport: d}, retry.API())
	d.identity = providers.Identity{WorkerPoolID: "proj/linux", WorkerGroup: "g", WorkerID: "w"}
	d.machine = &machine{session: register.Resume(register.Options{
		Client: d.client, Identity: d.identity, Log: d.runner.log,
	}, nil, tc.Registration{Credentials: tc.Credentials{ClientID: "w", AccessToken: secret.New("token-0")}})}
	return d
}

func (d *desk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

func (d *desk) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

func (d *desk) act(ctx context.Context, what string) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("it may take for ever")
	}
	d.note(what)
	return ctx.Err()
}

func (d *desk) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.did = append(d.did, what)
}

// acts is what was done, in its order.
func (d *desk) acts() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.did, " ")
}

// RoundTrip is worker-manager.
func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	what := "report"
	if r.Method == http.MethodDelete {
		what = "remove"
	}
	if path.Base(path.Dir(r.URL.Path)) == "worker" { // worker/reregister
		what = path.Base(r.URL.Path)
	}
	if refuse := d.refuses[what]; refuse != nil {
		return refuse(r)
	}
	d.note(what)
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		d.bodies = append(d.bodies, string(body))
		d.mu.Unlock()
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: r}, nil
}

// nowhere is a service that never answers.
func nowhere(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// refused is a service that refuses.
func refused(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusForbidden, Status: "403 Forbidden", Request: r, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(`{"code":"InsufficientScopes","message":"no"}`)),
	}, nil
}

// replyWith is a service that always gives one reply.
func replyWith(body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}
