package taskrun_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

func watched(d *taskrun.Deps) { d.StuckAfter = stuckAfter }

// TestStuck: whatever a phase waits for in vain is ended, named, and the run resolved.
func TestStuck(t *testing.T) {
	forEver := func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	deaf := func(context.Context) error {
		time.Sleep(10 * stuckAfter)
		return nil
	}
	const obey = 3 * time.Minute
	for _, c := range []struct {
		at, phase string
		do        func(context.Context) error
		after     time.Duration
		as        task.Resolution
	}{
		{"a.Prepare", "preparing", forEver, stuckAfter, task.InternalError},
		{"engine.NewBuilder", "preparing", forEver, stuckAfter, task.InternalError},
		{"b.Build", "preparing", forEver, stuckAfter, task.InternalError},
		{"engine.Start", "preparing", forEver, stuckAfter, task.InternalError},
		{"b.Stopped", "uploading", forEver, time.Minute + stuckAfter, task.InternalError},
		{"a.Finish", "uploading", forEver, time.Minute + stuckAfter, task.InternalError},
		{"a.Prepare", "preparing", deaf, stuckAfter + obey, task.InternalError},
		{"a.New", "preparing", deaf, stuckAfter + obey, task.InternalError},
		{"a.Finish", "uploading", deaf, time.Minute + stuckAfter + obey, task.InternalError},
		{"a.Close", "cleaning", forEver, time.Minute, task.Completed},
	} {
		t.Run(c.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, `{"runForMs": 60000}`, watched)
				b.at[c.at] = c.do
				begin := time.Now()
				o := b.runner.Run(t.Context())
				took := time.Since(begin)
				b.reported(t, o, c.as)
				if took != c.after {
					t.Errorf("it took %v, want %v", took, c.after)
				}
				b.runner.Clean(t.Context()) // ends all the same, in the end
				who, _, _ := strings.Cut(c.at, ".")
				if who == "engine" {
					who = "mock"
				}
				if want := c.phase + " took longer than 1h0m0s: " + who; !strings.Contains(b.log.String(), want) {
					t.Errorf("%q is not in the log:\n%s", want, b.log)
				}
				if o.Err != nil && task.Resolve(o.Err) != c.as {
					t.Errorf("error %v", o.Err)
				}
			})
		})
	}
}

// TestLogOfAStuckUpload: what is stuck before the log does not keep it from being uploaded.
func TestLogOfAStuckUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{}`, watched)
		b.at["a.Stopped"] = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		b.at["a.Finish"] = func(ctx context.Context) error { return ctx.Err() }
		var finish error
		b.at["b.Finish"] = func(ctx context.Context) error { finish = ctx.Err(); return nil }
		b.reported(t, b.run(t.Context()), task.InternalError)
		if finish != nil {
			t.Errorf("the log was uploaded with a context that had ended: %v", finish)
		}
	})
}

// TestCommandsAreNeverStuck: they have maxRunTime.
func TestCommandsAreNeverStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{"runForMs": 36000000}`, watched)
		b.reported(t, b.run(t.Context()), task.Completed)
	})
}

// staying is a plugin that stays when the commands have ended.
type staying struct{ plugin }

func (staying) Stays() {}

func (s staying) New(run *task.Run) (plugins.Hooks, error) {
	_, err := s.plugin.New(run)
	return s, err
}

// TestStayingIsNotStuck, but what comes after it can be.
func TestStayingIsNotStuck(t *testing.T) {
	for name, stuck := range map[string]bool{"it ends": false, "what comes after it does not": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, `{}`, watched, func(d *taskrun.Deps) {
					d.Plugins[1] = staying{d.Plugins[1].(plugin)}
				})
				b.at["b.Stopped"] = func(ctx context.Context) error {
					select {
					case <-time.After(10 * stuckAfter):
					case <-ctx.Done():
					}
					return context.Cause(ctx)
				}
				want := task.Completed
				if stuck {
					b.at["a.Stopped"] = func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
					want = task.InternalError
				}
				begin := time.Now()
				b.reported(t, b.run(t.Context()), want)
				if took := time.Since(begin); took < 10*stuckAfter {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// going is why a run is aborted whose machine goes away soon.
func going(in time.Duration) error {
	return &task.Error{Resolution: task.WorkerShutdown, Err: errors.New("going away"), Deadline: time.Now().Add(in)}
}

// TestMachineGoesAway: the log comes first, and artifacts have the time that is left.
func TestMachineGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{"runForMs": 60000}`)
		b.at["engine.Wait"] = func(context.Context) error { b.runner.Abort(going(time.Minute)); return nil }
		b.at["a.Stopped"] = func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
		begin := time.Now()
		b.reported(t, b.run(t.Context()), task.WorkerShutdown)
		want := made + prepared + built + started + " engine.Kill engine.Wait a.Finish b.Finish b.Stopped a.Stopped engine.Dispose b.Close a.Close"
		if got := order(b.seen()); got != want {
			t.Errorf("calls\n%s, want\n%s", got, want)
		}
		if took := time.Since(begin); took < 50*time.Second || took > time.Minute {
			t.Errorf("it took %v of a minute", took)
		}
	})
}

// TestMachineGoesAwayDuringUploads: artifacts that take too long give way to the log.
func TestMachineGoesAwayDuringUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{}`)
		b.at["b.Stopped"] = func(ctx context.Context) error {
			b.runner.Abort(going(time.Minute))
			<-ctx.Done()
			return context.Cause(ctx)
		}
		var finish error
		b.at["b.Finish"] = func(ctx context.Context) error { finish = ctx.Err(); return nil }
		begin := time.Now()
		b.reported(t, b.run(t.Context()), task.WorkerShutdown)
		if took := time.Since(begin); finish != nil || took < 40*time.Second || took > time.Minute {
			t.Errorf("it took %v of a minute; the log's context: %v", took, finish)
		}
	})
}

// TestArtifactsInTime: a run that is done before the machine goes away ends as it would have.
func TestArtifactsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `{}`)
		b.at["b.Stopped"] = func(context.Context) error {
			b.runner.Abort(going(time.Minute))
			time.Sleep(20 * time.Second)
			return nil
		}
		b.reported(t, b.run(t.Context()), task.Completed)
	})
}

// TestGrace: commands are asked first, unless the machine goes away sooner than they may take.
func TestGrace(t *testing.T) {
	for name, c := range map[string]struct {
		cause func() error
		want  time.Duration
	}{
		"no deadline":  {func() error { return task.Shutdown("going away") }, 5 * time.Second},
		"far deadline": {func() error { return going(time.Minute) }, 5 * time.Second},
		"near":         {func() error { return going(4 * time.Second) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, `{"runForMs": 60000}`, func(d *taskrun.Deps) { d.Grace = 5 * time.Second })
				b.at["b.Started"] = func(context.Context) error { b.runner.Abort(c.cause()); return nil }
				b.reported(t, b.run(t.Context()), task.WorkerShutdown)
				if b.grace != c.want {
					t.Errorf("%v, want %v", b.grace, c.want)
				}
			})
		})
	}
}
