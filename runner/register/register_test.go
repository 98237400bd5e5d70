package register_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/register"
)

func TestRenewIn(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{
		96 * time.Hour:   95*time.Hour + 30*time.Minute,
		90 * time.Minute: 60 * time.Minute,
		31 * time.Minute: 5 * time.Minute,
		20 * time.Minute: 5 * time.Minute,
		4 * time.Minute:  3*time.Minute + 30*time.Second,
		30 * time.Second: 0,
		0:                0,
		-time.Hour:       0,
	} {
		if got := register.RenewIn(left); got != want {
			t.Errorf("%v left: in %v, want %v", left, got, want)
		}
	}
}

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
	if _, _, err := register.New(t.Context(), s.options(true, io.Discard), prover{broken}); !errors.Is(err, broken) {
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

// keep resumes a session whose credentials end after left, and keeps them until stop is called.
func keep(t *testing.T, s *service, repeatable bool, left time.Duration, log io.Writer, renewed func(tc.Registration)) (wait func() error) {
	t.Helper()
	session := register.Resume(s.options(repeatable, log), prover{}, registration(time.Now().Add(left)))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- session.Keep(ctx, renewed) }()
	t.Cleanup(cancel)
	return func() error {
		synctest.Wait()
		select {
		case err := <-result:
			return err
		default:
			cancel()
			return <-result
		}
	}
}

func TestKeepRenewsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{life: 90 * time.Minute}
		var tokens []string
		start := time.Now()
		wait := keep(t, s, false, 90*time.Minute, io.Discard, func(r tc.Registration) { tokens = append(tokens, r.Credentials.AccessToken.Reveal()) })
		time.Sleep(3 * time.Hour)
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		// Every 60 minutes, up to a tenth sooner; each secret is used once.
		if diff := cmp.Diff([]string{"token-1", "token-2", "token-3"}, tokens); diff != "" {
			t.Errorf("tokens: %s", diff)
		}
		if diff := cmp.Diff([]string{"worker/reregister once-0", "worker/reregister once-1", "worker/reregister once-2"}, s.calls); diff != "" {
			t.Errorf("calls: %s", diff)
		}
		for i, at := range s.times {
			if i > 0 {
				start = s.times[i-1]
			}
			if d := at.Sub(start); d > time.Hour || d < 54*time.Minute {
				t.Errorf("renewal %d after %v", i, d)
			}
		}
	})
}

func TestKeepSpreadsRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		for range 10 {
			s := &service{life: 96 * time.Hour}
			start := time.Now()
			wait := keep(t, s, false, 90*time.Minute, io.Discard, func(tc.Registration) {})
			time.Sleep(time.Hour)
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			at = append(at, s.times[0].Sub(start))
		}
		slices.Sort(at)
		if at[len(at)-1]-at[0] < time.Second {
			t.Errorf("ten machines renew within %v of each other", at[len(at)-1]-at[0])
		}
	})
}

func TestKeepTriesAgainAfterFailures(t *testing.T) {
	for name, status := range map[string]int{"no answer": -1, "503": 503, "400": 400} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := &service{life: 96 * time.Hour, fail: func(_ string, n int) int {
					if n <= 4 {
						return status
					}
					return 0
				}}
				renewed := 0
				wait := keep(t, s, false, time.Hour, &log, func(tc.Registration) { renewed++ })
				time.Sleep(time.Hour)
				if err := wait(); err != nil || renewed != 1 || len(s.calls) != 5 {
					t.Errorf("%v, renewed %d times, calls %v", err, renewed, s.calls)
				}
				if strings.Count(log.String(), "trying again") != 4 || strings.Contains(log.String(), "once-0") {
					t.Errorf("log:\n%s", log.String())
				}
			})
		})
	}
}

func TestKeepGivesUpShortlyBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{fail: func(string, int) int { return 400 }}
		start := time.Now()
		wait := keep(t, s, false, time.Hour, io.Discard, func(tc.Registration) { t.Error("renewed") })
		time.Sleep(2 * time.Hour)
		if err := wait(); !errors.Is(err, register.ErrExpired) || tc.Status(err) != 400 {
			t.Errorf("%v", err)
		}
		last := s.times[len(s.times)-1].Sub(start)
		if last > time.Hour-30*time.Second || last < 50*time.Minute {
			t.Errorf("the last of %d tries was after %v", len(s.times), last)
		}
	})
}

func TestARefusedSecretMakesARepeatableWorkerRegisterAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{life: 96 * time.Hour, fail: func(call string, _ int) int {
			if strings.HasPrefix(call, "worker/reregister") {
				return 400
			}
			return 0
		}}
		token := ""
		wait := keep(t, s, true, time.Hour, io.Discard, func(r tc.Registration) { token = r.Credentials.AccessToken.Reveal() })
		time.Sleep(time.Hour)
		if err := wait(); err != nil || token != "token-1" {
			t.Errorf("%v, %q", err, token)
		}
		if diff := cmp.Diff([]string{"worker/reregister once-0", "worker/register"}, s.calls); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRegisteringAfreshEndsInTime: it must not be tried beyond the end of the credentials.
func TestRegisteringAfreshEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{fail: func(call string, _ int) int {
			if call == "worker/register" {
				return 503
			}
			return 400
		}}
		start := time.Now()
		wait := keep(t, s, true, time.Hour, io.Discard, func(tc.Registration) { t.Error("renewed") })
		time.Sleep(2 * time.Hour)
		if err := wait(); !errors.Is(err, register.ErrExpired) {
			t.Errorf("%v", err)
		}
		if last := s.times[len(s.times)-1].Sub(start); last > time.Hour-30*time.Second {
			t.Errorf("the last of %d calls was after %v", len(s.times), last)
		}
	})
}

// TestAClockThatIsAhead: credentials that seem to have expired when they come.
func TestAClockThatIsAhead(t *testing.T) {
	for name, c := range map[string]struct {
		life     time.Duration
		calls    int // in an hour
		warnings int
	}{"ahead": {-time.Hour, 12, 1}, "nearly": {10 * time.Second, 120, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := &service{life: c.life}
				wait := keep(t, s, false, c.life, &log, func(tc.Registration) {
					if len(s.times) > 1000 {
						t.Fatal("renewed without a pause")
					}
				})
				time.Sleep(time.Hour - time.Second)
				if err := wait(); err != nil || len(s.calls) != c.calls || strings.Count(log.String(), "clock of this machine") != c.warnings {
					t.Errorf("%v, %d calls, log %.500s", err, len(s.calls), log.String())
				}
			})
		})
	}
}

func TestResumeTakesTheProvidersOwnCredentials(t *testing.T) {
	s := &service{}
	session := register.Resume(s.options(true, io.Discard), owner{}, registration(time.Now()))
	if got := session.Registration(); got.Credentials.AccessToken.Reveal() != "mine" || !got.Expires.IsZero() {
		t.Errorf("saved credentials of %s until %v", got.Credentials.ClientID, got.Expires)
	}
}

func TestSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		status map[string]int // by secret
		want   string
		err    int
	}{
		"both":             {nil, "worker-type:proj/linux worker-pool:proj/linux", 0},
		"the pool's":       {map[string]int{"worker-type": 404}, "worker-pool:proj/linux", 0},
		"not allowed":      {map[string]int{"worker-type": 403}, "worker-pool:proj/linux", 0},
		"the older":        {map[string]int{"worker-pool": 404}, "worker-type:proj/linux", 0},
		"none":             {map[string]int{"worker-type": 404, "worker-pool": 404}, "", 0},
		"pool not allowed": {map[string]int{"worker-pool": 403}, "", 403},
		"unauthorised":     {map[string]int{"worker-type": 401}, "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{fail: func(call string, _ int) int {
				kind, _, _ := strings.Cut(strings.TrimPrefix(call, "secret/"), ":")
				return c.status[kind]
			}}
			session := register.Resume(s.options(true, io.Discard), prover{}, registration(time.Now().Add(time.Hour)))
			found, err := session.Secrets(t.Context())
			var names []string
			for _, f := range found {
				names = append(names, f.Name)
				if string(f.Value) != `{"from":"`+f.Name+`"}` {
					t.Errorf("%s is %s", f.Name, f.Value)
				}
			}
			if got := strings.Join(names, " "); got != c.want || tc.Status(err) != c.err || (err != nil) != (c.err != 0) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
