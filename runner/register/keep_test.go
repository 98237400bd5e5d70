package register_test

import (
	"bytes"
	"context"
	"errors"
	"io"
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
		if last > time.Hour-30*time.Second || last < 57*time.Minute {
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

// TestCredentialsThatHaveExpired: those of a machine that was off for long. The service may
// take them; a refusal is final, and silence is waited for only a little.
func TestCredentialsThatHaveExpired(t *testing.T) {
	for name, c := range map[string]struct {
		status []int // of the calls
		calls  int
		token  string // "" when they cannot be renewed
		within time.Duration
	}{
		"accepted":  {[]int{0}, 1, "token-1", 0},
		"refused":   {[]int{401}, 1, "", 0},
		"no answer": {[]int{-1, 503, 0}, 3, "token-1", 20 * time.Second},
		"silence":   {[]int{-1, -1, -1, -1, -1, -1, -1, -1}, 0, "", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{life: time.Hour, fail: func(_ string, n int) int { return c.status[n-1] }}
				session := register.Resume(s.options(false, io.Discard), prover{}, registration(time.Now().Add(-time.Hour)))
				begin := time.Now()
				err := session.Renew(t.Context())
				if (err == nil) != (c.token != "") || (err != nil && !errors.Is(err, register.ErrExpired)) {
					t.Fatal(err)
				}
				if got := session.Credentials().AccessToken.Reveal(); c.token != "" && got != c.token {
					t.Errorf("the token is %s", got)
				}
				if took := time.Since(begin); took > c.within || (c.calls > 0 && len(s.calls) != c.calls) {
					t.Errorf("%d calls in %v", len(s.calls), took)
				}
			})
		})
	}
}

// TestKeepBeginsAtOnceWithExpiredCredentials: and ends when they cannot be renewed.
func TestKeepBeginsAtOnceWithExpiredCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{fail: func(string, int) int { return 400 }}
		begin := time.Now()
		wait := keep(t, s, false, -time.Minute, io.Discard, func(tc.Registration) { t.Error("renewed") })
		if err := wait(); !errors.Is(err, register.ErrExpired) || time.Since(begin) != 0 || len(s.calls) != 1 {
			t.Errorf("%v after %v, calls %v", err, time.Since(begin), s.calls)
		}
	})
}
