package register_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/register"
)

// TestRefusals: what worker-manager says, whether it is tried again, and what the operator is told.
func TestRefusals(t *testing.T) {
	const once, thrice = 1, 3
	for _, c := range []struct {
		own    bool
		status int
		says   string
		calls  int
		hint   string
	}{
		{false, 400, "InputError: Signature validation error", thrice, "could not verify the identity"},
		{false, 400, "InputError: Token validation error", thrice, "could not verify the identity"},
		{false, 404, "ResourceNotFound: Worker pool proj/linux does not exist", once, "workerPoolID"},
		{false, 404, "ResourceNotFound: Provider lab does not exist", once, "providerID"},
		{false, 404, "ResourceNotFound: Worker g/w in worker pool proj/linux does not exist", once, "given the machine up"},
		{true, 404, "ResourceNotFound: Worker g/w in worker pool proj/linux does not exist", once, "createWorker"},
		{false, 400, "InputError: Worker pool proj/linux not associated with provider lab", once, "the pool has another provider"},
		{true, 400, "InputError: Worker g/w in worker pool proj/linux has expired", once, "too old: create the worker's record"},
		{true, 400, "InputError: Worker g/w does not have provider lab", once, "of another provider"},
		{true, 400, "InputError: bad staticSecret in workerIdentityProof", once, "static secret"},
		{true, 400, "InputError: worker is not running", once, "create it again"},
		{true, 400, "InputError: something new", once, "something new"},
		{false, 401, "AuthenticationFailed: no", thrice, "rootURL"},
		{false, 403, "Forbidden: no", thrice, "rootURL"},
	} {
		t.Run(c.says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				proofs, begin := 0, time.Now()
				var log bytes.Buffer
				s := &service{says: c.says, fail: func(string, int) int { return c.status }}
				_, _, err := register.New(t.Context(), s.options(c.own, &log), prover{proofs: &proofs})
				if tc.Status(err) != c.status || !strings.Contains(err.Error(), c.hint) || errors.Is(err, register.ErrAlreadyRunning) {
					t.Errorf("%v, want %q", err, c.hint)
				}
				if len(s.calls) != c.calls || proofs != c.calls || strings.Contains(err.Error()+log.String(), "hunter2") {
					t.Errorf("%d calls with %d proofs; log %s", len(s.calls), proofs, log.String())
				}
				if took := time.Since(begin); c.calls == thrice && (took < 10*time.Second || took > 40*time.Second) {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestAProofThatIsAcceptedLater: each attempt has a proof of its own.
func TestAProofThatIsAcceptedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proofs := 0
		var log bytes.Buffer
		s := &service{life: time.Hour, says: "InputError: Signature validation error", fail: func(_ string, n int) int {
			if n < 3 {
				return http.StatusBadRequest
			}
			return 0
		}}
		session, _, err := register.New(t.Context(), s.options(false, &log), prover{proofs: &proofs})
		if err != nil || session.Credentials().AccessToken.Reveal() != "token-1" {
			t.Fatal(err)
		}
		for i, body := range s.bodies {
			if !strings.Contains(body, fmt.Sprintf("hunter2-%d", i+1)) {
				t.Errorf("attempt %d: %s", i+1, body)
			}
		}
		if strings.Count(log.String(), "fresh proof") != 2 {
			t.Errorf("log %s", log.String())
		}
	})
}

func TestTheCallerSaysHowProofsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{says: "InputError: Token validation error", fail: func(string, int) int { return http.StatusBadRequest }}
		o := s.options(false, io.Discard)
		o.Proofs = retry.Policy{Attempts: 5}
		if _, _, err := register.New(t.Context(), o, prover{}); err == nil || len(s.calls) != 5 {
			t.Errorf("%v after %d calls", err, len(s.calls))
		}
	})
}

// TestAlreadyRunning: the causes are named, and it is not tried for long.
func TestAlreadyRunning(t *testing.T) {
	const running, opaque = "InputError: Worker was already running.", "InputError: Signature validation error"
	for name, c := range map[string]struct {
		first   int // the status of the first attempt, 0 for none
		says    string
		already bool
		lost    bool
		calls   int
	}{
		"a reboot":                      {0, running, true, false, 1},
		"a lost reply":                  {502, running, true, true, 2},
		"no reply":                      {-1, running, true, true, 2},
		"busy":                          {429, running, true, false, 2},
		"a lost reply, said unclearly":  {502, opaque, true, true, 4},
		"nothing lost, said unclearly":  {429, opaque, false, false, 4},
		"a lost reply, another refusal": {502, "ResourceNotFound: Worker pool x/y does not exist", false, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{says: c.says, fail: func(_ string, n int) int {
					if n == 1 && c.first != 0 {
						return c.first
					}
					return http.StatusBadRequest
				}}
				_, _, err := register.New(t.Context(), s.options(false, io.Discard), prover{})
				if err == nil || errors.Is(err, register.ErrAlreadyRunning) != c.already || len(s.calls) != c.calls {
					t.Fatalf("%v after %d calls", err, len(s.calls))
				}
				if strings.Contains(err.Error(), "earlier attempt got no reply") != c.lost ||
					c.already != (strings.Contains(err.Error(), "cacheOverRestarts") && strings.Contains(err.Error(), "was lost")) {
					t.Error(err)
				}
			})
		})
	}
}

// TestWhatWasNeverSentIsNotLost: a name that does not resolve says nothing of worker-manager.
func TestWhatWasNeverSentIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{says: "InputError: Signature validation error", fail: func(_ string, n int) int {
			if n == 1 {
				return -2
			}
			return http.StatusBadRequest
		}}
		_, _, err := register.New(t.Context(), s.options(false, io.Discard), prover{})
		if err == nil || errors.Is(err, register.ErrAlreadyRunning) || len(s.calls) != 4 {
			t.Errorf("%v after %d calls", err, len(s.calls))
		}
	})
}

// TestTheClock: a wrong one is told once, whatever the reply.
func TestTheClock(t *testing.T) {
	for name, c := range map[string]struct {
		skew time.Duration
		want string // in the log; "" for no warning
	}{
		"right":  {30 * time.Second, ""},
		"ahead":  {20 * time.Minute, "direction=ahead"},
		"behind": {-2 * time.Hour, "direction=behind"},
		"untidy": {-50 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := &service{skew: c.skew, says: "InputError: Token validation error", fail: func(string, int) int { return http.StatusBadRequest }}
				if _, _, err := register.New(t.Context(), s.options(false, &log), prover{}); err == nil {
					t.Fatal("registered")
				}
				if n := strings.Count(log.String(), "the clock of this machine is wrong"); (n == 1) != (c.want != "") || n > 1 || !strings.Contains(log.String(), c.want) {
					t.Errorf("log:\n%s", log.String())
				}
			})
		})
	}
}

// TestHintsForNoReply: what TLS says is a riddle to many.
func TestHintsForNoReply(t *testing.T) {
	for want, status := range map[string]int{"caFile": -3, "NTP": -4} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{fail: func(string, int) int { return status }}
			o := s.options(false, io.Discard)
			o.Client = o.Client.WithPolicy(retry.Policy{Attempts: 1})
			_, _, err := register.New(t.Context(), o, prover{})
			if !tc.Temporary(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}
