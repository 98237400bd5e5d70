package runner

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/policy"
)

var errKey = errors.New("the key is bad")

func endOf(code int) *launch.End { return &launch.End{Code: code, Text: "exit status"} }

// TestEveryRow: what each row does to a machine that worker-manager made, and to somebody's own.
func TestEveryRow(t *testing.T) {
	const ten, minute = 10 * time.Minute, time.Minute
	for _, c := range []struct {
		name   string
		ending ending
		cloud  string // what is done
		own    string
		held   time.Duration // on the cloud
		code   int
	}{
		{"finished", ending{row: policy.Finished, worker: endOf(68)}, "remove", "", 0, 0},
		{"reboot", ending{row: policy.Reboot, worker: endOf(67)}, "reboot", "reboot", minute, 0},
		{"broken", ending{row: policy.Broken, worker: endOf(73)}, "report remove", "report", ten, 1},
		{"broken start", ending{row: policy.Broken, err: errKey}, "report remove", "report", ten, 1},
		{"asked and crashed", ending{row: policy.Crashed, worker: endOf(69), asked: true, leaves: true}, "remove", "off", 0, 1},
		{"drained and killed", ending{row: policy.Crashed, worker: endOf(-1), leaves: true}, "remove", "", 0, 1},
		{"interrupted", ending{row: policy.Interrupted, worker: endOf(71)}, "remove", "", 0, 1},
		{"stopped", ending{row: policy.Stopped, worker: endOf(71)}, "remove", "", 0, 0},
		{"lapsed", ending{row: policy.Finished, worker: endOf(72), leaves: true, err: errKey}, "remove", "", 0, 1},
	} {
		for _, ephemeral := range []bool{true, false} {
			place, want := "own", c.own
			if ephemeral {
				place, want = "cloud", c.cloud
			}
			t.Run(c.name+"/"+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDesk(t, ephemeral)
					d.machine.rebootsItself = true
					begin := time.Now()
					err := d.settle(t.Context(), d.machine, c.ending)
					if got := d.acts(); got != want || ExitCode(err) != c.code {
						t.Errorf("did %q, exit %d, %v; want %q, %d", got, ExitCode(err), err, want, c.code)
					}
					held := c.held
					if !ephemeral && c.ending.row != policy.Reboot {
						held = 0
					}
					if took := time.Since(begin); took != held {
						t.Errorf("took %v, want %v", took, held)
					}
				})
			})
		}
	}
}

// TestTheWorstCase: from a failure at boot to a machine that is switched off, twelve minutes.
func TestTheWorstCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		d.deps.Random = func() float64 { return 0.9999 }
		d.refuses["report"], d.refuses["remove"] = nowhere, nowhere
		begin := time.Now()
		err := d.settle(t.Context(), d.machine, ending{row: policy.Broken, err: errKey})
		if took := time.Since(begin); took > 12*time.Minute || took < 11*time.Minute {
			t.Errorf("took %v", took)
		}
		if d.acts() != "off" || ExitCode(err) != 1 || !errors.Is(err, errKey) {
			t.Errorf("did %q, %v", d.acts(), err)
		}
	})
}

func TestAMachineThatCannotBeRemovedIsSwitchedOff(t *testing.T) {
	for name, c := range map[string]struct {
		change func(d *desk)
		acts   string
		code   int
		most   time.Duration
	}{
		"nobody answers":    {func(d *desk) { d.refuses["remove"] = nowhere }, "off", 0, time.Minute},
		"refused":           {func(d *desk) { d.refuses["remove"] = refused }, "off", 0, time.Second},
		"never registered":  {func(d *desk) { d.machine = nil }, "off", 0, time.Second},
		"nothing proves it": {func(d *desk) { d.machine, d.answered = nil, false }, "", 0, time.Second},
		"the firmware proves it": {func(d *desk) {
			d.machine, d.answered = nil, false
			d.deps.Proves = func(k providers.Kind) bool { return k.Name == "cloud" }
		}, "off", 0, time.Second},
		"not even that": {func(d *desk) {
			d.machine = nil
			d.deps.PowerOff = func(context.Context) error { return errors.New("no such program") }
		}, "", 1, 2 * time.Minute},
		"at the second attempt": {func(d *desk) {
			d.machine = nil
			off, failed := d.deps.PowerOff, false
			d.deps.PowerOff = func(ctx context.Context) error {
				if !failed {
					failed = true
					return errors.New("not now")
				}
				return off(ctx)
			}
		}, "off", 0, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, true)
				c.change(d)
				ctx, cancel := context.WithCancel(t.Context())
				cancel() // as after a signal
				begin := time.Now()
				err := d.settle(ctx, d.machine, ending{row: policy.Finished})
				if d.acts() != c.acts || ExitCode(err) != c.code {
					t.Errorf("did %q, %v", d.acts(), err)
				}
				if took := time.Since(begin); took > c.most {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestHowLongAMachineIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		boot   time.Duration // before the start of the program
		random float64
		want   time.Duration
	}{
		"from boot":              {3 * time.Minute, 0, 7 * time.Minute},
		"spread":                 {3 * time.Minute, 0.5, 7*time.Minute + 30*time.Second},
		"over":                   {time.Hour, 0.5, 0},
		"a boot in the future":   {-time.Hour, 0, 10 * time.Minute},
		"the boot is not known":  {0, 0, 10 * time.Minute},
		"just about to be over":  {10*time.Minute - time.Second, 0, time.Second},
		"the very end of a hold": {10 * time.Minute, 0.5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, true)
				boot := time.Now().Add(-c.boot)
				d.deps.BootTime = func() (time.Time, error) {
					if c.boot == 0 {
						return time.Time{}, errors.New("nobody knows")
					}
					return boot, nil
				}
				d.deps.Random = func() float64 { return c.random }
				begin := time.Now()
				d.hold(t.Context(), policy.Rule{Hold: 10 * time.Minute})
				if took := time.Since(begin); took != c.want {
					t.Errorf("held for %v, want %v", took, c.want)
				}
			})
		})
	}
}

func TestAStopCutsTheHoldShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		begin := time.Now()
		time.AfterFunc(time.Second, func() {
			s := front{d.runner}.Status()
			if s.State != control.Holding || !s.HoldUntil.Equal(begin.Add(10*time.Minute)) || s.LastError != errKey.Error() {
				t.Errorf("%+v", s)
			}
			if err := (front{d.runner}).Drain(t.Context(), true); !errors.Is(err, errNoWork) {
				t.Errorf("drained: %v", err)
			}
		})
		err := d.settle(ctx, d.machine, ending{row: policy.Broken, err: errKey})
		if took := time.Since(begin); took != time.Minute || d.acts() != "report remove" || ExitCode(err) != 1 {
			t.Errorf("after %v did %q, %v", took, d.acts(), err)
		}
		if n := strings.Count(d.logged(), "the machine is held"); n != 1 {
			t.Errorf("said %d times", n)
		}
		if s := d.board.status(); s.State != control.Releasing || !s.HoldUntil.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// TestTheHoldFile: while it is there nothing is done to the machine, whatever the row.
func TestTheHoldFile(t *testing.T) {
	for _, row := range []policy.Row{policy.Finished, policy.Reboot, policy.Interrupted, policy.Lost} {
		for _, removed := range []bool{true, false} {
			name := string(row) + map[bool]string{true: "/removed", false: "/stopped"}[removed]
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDesk(t, true)
					d.deps.BootTime = func() (time.Time, error) { return time.Now().Add(-time.Hour), nil }
					if err := os.WriteFile(d.config.HoldFile, nil, 0o600); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					time.AfterFunc(time.Hour, func() {
						if d.acts() != "" || d.board.status().State != control.Holding {
							t.Errorf("did %q, %s", d.acts(), d.board.status().State)
						}
						if !removed {
							cancel()
						} else if err := os.Remove(d.config.HoldFile); err != nil {
							t.Error(err)
						}
					})
					begin := time.Now()
					_ = d.settle(ctx, d.machine, ending{row: row}) // the exit code is another test's
					if took := time.Since(begin); took > time.Hour+lookAgain || (d.acts() != "") != removed {
						t.Errorf("after %v did %q", took, d.acts())
					}
					if n := strings.Count(d.logged(), "while this file is there"); n != 1 {
						t.Errorf("said %d times", n)
					}
				})
			})
		}
	}
}

// TestAHoldFileOfATask: what the commands of tasks can make keeps no machine.
func TestAHoldFileOfATask(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file that belongs to somebody else")
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		const nobody = 65534
		if err := errors.Join(os.WriteFile(d.config.HoldFile, nil, 0o600), os.Chown(d.config.HoldFile, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
		if d.held() {
			t.Fatal("it counts") // and would keep the machine for ever
		}
		if err := d.settle(t.Context(), d.machine, ending{row: policy.Finished}); err != nil || d.acts() == "" {
			t.Errorf("did %q, %v", d.acts(), err)
		}
		if n := strings.Count(d.logged(), "this hold file does not count"); n != 1 || !strings.Contains(d.logged(), d.config.HoldFile) {
			t.Errorf("said %d times:\n%s", n, d.logged())
		}
	})
}

// TestAHoldFileThatComesLate: whoever makes the file while the removal fails still saves the
// machine.
func TestAHoldFileThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d.refuses["remove"] = func(r *http.Request) (*http.Response, error) {
			if err := os.WriteFile(d.config.HoldFile, nil, 0o600); err != nil {
				t.Error(err)
			}
			time.AfterFunc(time.Hour, cancel)
			return refused(r)
		}
		if err := d.settle(ctx, d.machine, ending{row: policy.Finished}); err != nil || d.acts() != "" {
			t.Errorf("did %q, %v", d.acts(), err)
		}
	})
}

func TestBootingAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(d *desk, stop func())
		acts   string
		took   time.Duration
	}{
		"the worker does not":    {func(d *desk, _ func()) { d.machine.rebootsItself = false }, "reboot", 0},
		"the worker should":      {func(d *desk, _ func()) { d.machine.rebootsItself = true }, "reboot", time.Minute},
		"the worker does":        {func(d *desk, stop func()) { d.machine.rebootsItself = true; time.AfterFunc(time.Second, stop) }, "", time.Second},
		"it is being taken down": {func(_ *desk, stop func()) { stop() }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, true)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				c.change(d, stop)
				begin := time.Now()
				err := d.settle(ctx, d.machine, ending{row: policy.Reboot, worker: endOf(67)})
				if took := time.Since(begin); err != nil || d.acts() != c.acts || took != c.took {
					t.Errorf("after %v did %q, %v", took, d.acts(), err)
				}
			})
		})
	}
}

// TestAMachineThatDoesNotBootAgain: a cloud's is not left as it is, without work.
func TestAMachineThatDoesNotBootAgain(t *testing.T) {
	for _, ephemeral := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, ephemeral)
			errReboot := errors.New("no such program")
			d.deps.Reboot = func(context.Context) error { return errReboot }
			begin := time.Now()
			err := d.settle(t.Context(), d.machine, ending{row: policy.Reboot, worker: endOf(67)})
			want := map[bool]string{true: "remove", false: ""}[ephemeral]
			if took := time.Since(begin); d.acts() != want || !errors.Is(err, errReboot) || ExitCode(err) != 1 || took > 5*time.Minute {
				t.Errorf("after %v did %q, %v", took, d.acts(), err)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			ending ending
			want   int
		}{
			{ending{row: policy.Finished, worker: endOf(68)}, 68},
			{ending{row: policy.Finished, worker: endOf(0)}, 0},
			{ending{row: policy.Broken, worker: endOf(73)}, 73},
			{ending{row: policy.Crashed, worker: endOf(-1), leaves: true}, 1}, // a signal has no code
			{ending{row: policy.Broken, err: errKey}, 1},
		} {
			d := newDesk(t, false)
			d.config.ExitWithWorkerCode = true
			if got := ExitCode(d.settle(t.Context(), d.machine, c.ending)); got != c.want {
				t.Errorf("%+v: exit %d, want %d", c.ending, got, c.want)
			}
		}
		if ExitCode(nil) != 0 || ExitCode(errKey) != 1 || (&WorkerError{Code: 7}).ExitCode() != 7 {
			t.Error("ExitCode is wrong")
		}
	})
}

// TestOneReport: a failure is reported once, with the log and without secrets.
func TestOneReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, false)
		d.machine.layers = []config.Layer{
			{Config: map[string]any{"open": "what-the-pool-says"}},
			{Config: map[string]any{"deep": []any{map[string]any{"password": "a-secret-password"}}}},
		}
		d.machine.secrets = 1
		d.deps.LastLines = func() []string { return []string{"token-0, a-secret-password, what-the-pool-says"} }
		d.board.took("register", time.Second)
		for range 2 {
			_ = d.settle(t.Context(), d.machine, ending{row: policy.Broken, err: errKey})
		}
		body := strings.Join(d.bodies, "")
		if d.acts() != "report" || strings.Contains(body, "token-0") || strings.Contains(body, "a-secret-password") {
			t.Errorf("did %q: %s", d.acts(), body)
		}
		for _, part := range []string{"what-the-pool-says", errKey.Error(), "start-worker could not start the worker", "register"} {
			if !strings.Contains(body, part) {
				t.Errorf("no %q in %s", part, body)
			}
		}
	})
}

func TestLost(t *testing.T) {
	for name, c := range map[string]struct {
		place policy.Place
		acts  string
		took  time.Duration
	}{
		"firmware names a cloud": {policy.Place{Ephemeral: true}, "off", 10 * time.Minute},
		"it does not":            {policy.Place{}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, false)
				begin, served := time.Now(), control.Status{}
				d.deps.Serve = func(ctx context.Context, r control.Runner) {
					pause(ctx, time.Minute)
					served = r.Status()
				}
				err := Lost(t.Context(), policy.Defaults(c.place)[policy.Lost], d.config.HoldFile, errKey, d.deps)
				if took := time.Since(begin); ExitCode(err) != 1 || !errors.Is(err, errKey) || d.acts() != c.acts || took != c.took {
					t.Errorf("after %v did %q, %v", took, d.acts(), err)
				}
				if held := c.took > 0; served.LastError != errKey.Error() || held != (served.State == control.Holding) {
					t.Errorf("who asked was told %+v", served)
				}
			})
		})
	}
}

// TestAStopBeforeTheRegistration: whoever stops a start goes on with the machine.
func TestAStopBeforeTheRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, true)
		if err := d.settle(t.Context(), nil, ending{row: policy.Stopped}); err != nil || d.acts() != "" {
			t.Errorf("did %q, %v", d.acts(), err)
		}
		if err := d.settle(t.Context(), d.machine, ending{row: policy.Stopped}); err != nil || d.acts() != "remove" {
			t.Errorf("registered: did %q, %v", d.acts(), err)
		}
	})
}
