package runner

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/policy"
	"github.com/workerkit/workerkit/runner/register"
)

// transport is a service as a function.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// nowhere is a service that never answers.
func nowhere(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func sessionWith(service transport) *register.Session {
	return register.Resume(register.Options{
		Client:   tc.New("https://tc.example.com", &http.Client{Transport: service}, retry.API()),
		Identity: providers.Identity{WorkerPoolID: "proj/linux", WorkerGroup: "g", WorkerID: "w"},
		Log:      slog.New(slog.DiscardHandler),
	}, nil, tc.Registration{Credentials: tc.Credentials{ClientID: "w", AccessToken: secret.New("token")}})
}

// TestTheMachineIsSwitchedOffAfterARemovalThatHangs: the removal must not use up the time in
// which the machine can be switched off.
func TestTheMachineIsSwitchedOffAfterARemovalThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		off, begin := 0, time.Now()
		r := &runner{
			config: config.Config{Place: config.Place{Kind: providers.Kind{Ephemeral: true}}},
			log:    slog.New(slog.DiscardHandler),
			deps: Deps{PowerOff: func(ctx context.Context) error {
				off++
				if _, limited := ctx.Deadline(); !limited {
					t.Error("switching off may take for ever")
				}
				return ctx.Err()
			}},
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // as after a signal
		if err := r.cleanUp(ctx, &machine{session: sessionWith(nowhere)}, policy.End{}); err != nil || off != 1 {
			t.Errorf("%v, switched off %d times", err, off)
		}
		if took := time.Since(begin); took > 3*time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

// TestAReportAfterTheEnd: where reads cannot be ended, messages come in after close.
func TestAReportAfterTheEnd(t *testing.T) {
	var sent atomic.Int32
	in := newInbox(t.Context(), slog.New(slog.DiscardHandler), sessionWith(func(r *http.Request) (*http.Response, error) {
		sent.Add(1)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	}))
	report := protocol.Message{Type: protocol.ErrorReport, Kind: "k", Title: "t", Description: "d", Extra: json.RawMessage(`{}`)}
	for range 3 {
		in.handle(t.Context(), report)
	}
	in.close()
	if n := sent.Load(); n != 3 {
		t.Errorf("%d of 3 reports were sent", n)
	}
	in.handle(t.Context(), report) // must not panic
}
