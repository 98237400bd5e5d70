package register_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/register"
)

func TestNew(t *testing.T) {
	s := &service{life: time.Hour}
	o := s.options(true, io.Discard)
	o.BootTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	session, pool, err := register.New(t.Context(), o, prover{})
	if err != nil || string(pool) != `{"a":1}` || session.Credentials().AccessToken.Reveal() != "token-1" {
		t.Fatalf("%s, %v", pool, err)
	}
	if len(s.bodies) != 1 || !strings.Contains(s.bodies[0], `"systemBootTime":"2026-01-02T03:04:05.000Z"`) || !strings.Contains(s.bodies[0], `"workerIdentityProof":{"staticSecret":"hunter2"}`) {
		t.Errorf("sent %s", s.bodies)
	}
}

func TestOwnCredentialsAreNotRegistered(t *testing.T) {
	s := &service{}
	session, pool, err := register.New(t.Context(), s.options(true, io.Discard), owner{})
	if err != nil || pool != nil || len(s.calls) != 0 || session.Credentials().AccessToken.Reveal() != "mine" {
		t.Errorf("%s, %v, calls %v", pool, err, s.calls)
	}
	// They never expire, so there is nothing to keep.
	if err := session.Keep(t.Context(), func(tc.Registration) { t.Error("renewed") }); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfNew(t *testing.T) {
	s := &service{fail: func(string, int) int { return http.StatusBadRequest }}
	if _, _, err := register.New(t.Context(), s.options(true, io.Discard), prover{}); tc.Status(err) != http.StatusBadRequest || len(s.calls) != 1 || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("refused: %v, calls %v", err, s.calls)
	}
	broken := errors.New("no document")
	if _, _, err := register.New(t.Context(), s.options(true, io.Discard), prover{err: broken}); !errors.Is(err, broken) {
		t.Errorf("no proof: %v", err)
	}
}

func TestDeploymentThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{fail: func(string, int) int { return -1 }}
		start := time.Now()
		_, _, err := register.New(t.Context(), s.options(true, io.Discard), prover{})
		if took := time.Since(start); err == nil || !tc.Temporary(err) || took > 15*time.Minute || took < 13*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		if len(s.calls) < 15 || len(s.calls) > 60 {
			t.Errorf("%d calls in 15 minutes", len(s.calls))
		}
	})
}

func TestResumeTakesTheProvidersOwnCredentials(t *testing.T) {
	s := &service{}
	session := register.Resume(s.options(true, io.Discard), owner{}, registration(time.Now()))
	if got := session.Registration(); got.Credentials.AccessToken.Reveal() != "mine" || !got.Expires.IsZero() {
		t.Errorf("saved credentials of %s until %v", got.Credentials.ClientID, got.Expires)
	}
}
