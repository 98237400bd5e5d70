package rdp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/plugins/rdp"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

const (
	pool     = "provisioner/pool"
	scope    = "generic-worker:allow-rdp:provisioner/pool"
	artifact = "private/rdp.json"
	asked    = `{"rdpInfo": "private/rdp.json"}`
	password = "password-of-a-task"
)

// scoped gives the run of each test the scope: plugintest's have none.
type scoped struct{ plugins.Plugin }

func (s scoped) New(run *task.Run) (plugins.Hooks, error) {
	run.Definition.Scopes = []string{scope}
	return s.Plugin.New(run)
}

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New: func(_ *testing.T, store *plugintest.Store) plugins.Plugin {
			return scoped{rdp.New(rdp.Config{Pool: pool, Uploader: store.Uploader(), Host: "192.0.2.1", Stay: time.Millisecond, Now: time.Now})}
		},
		Payload: asked,
	})
}

// builder is a machine with a remote desktop.
type builder struct {
	engines.Builder
	fail error
}

func (b *builder) RemoteDesktop(context.Context) (string, secret.String, error) {
	return "task_1", secret.New(password), b.fail
}

func TestAccess(t *testing.T) {
	for name, test := range map[string]struct {
		payload string
		change  func(*rdp.Config)
		scopes  []string
		fail    error
		says    string // why not; "" is that it is given
		want    task.Resolution
	}{
		"asked for":         {payload: asked, scopes: []string{scope}, want: task.Completed},
		"not asked for":     {payload: `{}`, change: func(c *rdp.Config) { c.Disabled = true }, want: task.Completed, says: "nothing"},
		"disabled":          {payload: asked, change: func(c *rdp.Config) { c.Disabled = true }, want: task.MalformedPayload, says: "disabled on workers of the pool"},
		"no public address": {payload: asked, change: func(c *rdp.Config) { c.Host = "" }, want: task.MalformedPayload, says: "publicIP"},
		"without the scope": {payload: asked, want: task.MalformedPayload, says: "needs the scopes " + scope},
		"the engine fails":  {payload: asked, scopes: []string{scope}, fail: errors.New("no group"), want: task.InternalError, says: "no group"},
		"open to everybody": {payload: `{"rdpInfo": "public/rdp.json"}`, scopes: []string{scope}, want: task.Completed, says: "can be read by everybody"},
	} {
		t.Run(name, func(t *testing.T) {
			run := plugintest.NewRun(t, test.payload)
			run.Definition.Scopes = test.scopes
			config := rdp.Config{Pool: pool, Uploader: run.Queue.Store.Uploader(), Host: "192.0.2.1", Now: time.Now}
			if test.change != nil {
				test.change(&config)
			}
			err := plugintest.Begin(t.Context(), rdp.New(config), run, &builder{fail: test.fail})
			log := run.TaskLog(t)
			if task.Resolve(err) != test.want || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			if strings.Contains(log+run.WorkerLog.String(), password) {
				t.Error("the password is in a log")
			}
			if strings.HasPrefix(test.says, "can be") && !strings.Contains(log, test.says) {
				t.Errorf("log %q", log)
			}
			if stored, ok := run.Queue.Store.Get(artifact); ok != (test.says == "") {
				t.Errorf("an artifact: %v", ok)
			} else if text, err := stored.Text(); ok && (err != nil || text != `{"host":"192.0.2.1","password":"password-of-a-task","port":3389,"username":"task_1"}`) {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}

func TestEngineWithoutADesktop(t *testing.T) {
	run := plugintest.NewRun(t, asked)
	run.Definition.Scopes = []string{scope}
	var without struct{ engines.Builder }
	if err := plugintest.Begin(t.Context(), rdp.New(rdp.Config{Pool: pool, Host: "192.0.2.1"}), run, without); !errors.Is(err, engines.ErrNotSupported) {
		t.Error(err)
	}
}

// ended is a result with this status.
type ended struct {
	engines.Result
	status engines.Status
}

func (e ended) Status() engines.Status { return e.status }

// The machine stays for as long as is said, whether or not the commands failed, and not any longer than the
// run or the worker.
func TestStay(t *testing.T) {
	told := errors.New("cancelled")
	for name, test := range map[string]struct {
		result  engines.Result
		most    time.Duration
		leaving bool
		cancel  time.Duration
		want    time.Duration
	}{
		"to its end":          {result: ended{status: engines.Status{Success: true}}, want: 12 * time.Hour},
		"commands failed":     {result: ended{status: engines.Status{ExitCode: 1}}, want: 12 * time.Hour},
		"bounded":             {result: ended{}, most: time.Hour, want: time.Hour},
		"aborted":             {result: ended{status: engines.Status{Aborted: true}}},
		"nothing ran":         {},
		"the worker ends":     {result: ended{}, leaving: true},
		"cancelled meanwhile": {result: ended{}, cancel: time.Minute, want: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			run := plugintest.NewRun(t, asked)
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				log, err := tasklog.New(dir, time.Now) // with timers of this time
				if err != nil {
					t.Fatal(err)
				}
				defer log.Remove() //nolint:errcheck // the folder is the test's
				within := *run.Run
				within.Log = log
				leaving := make(chan struct{})
				if test.leaving {
					close(leaving)
				}
				hooks, err := rdp.New(rdp.Config{Host: "192.0.2.1", Stay: test.most, Leaving: leaving, Now: time.Now}).New(&within)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				if test.cancel > 0 {
					time.AfterFunc(test.cancel, func() { cancel(told) })
				}
				begin := time.Now()
				err = hooks.(plugins.Stopper).Stopped(ctx, test.result)
				if took := time.Since(begin); took != test.want || (test.cancel > 0) != errors.Is(err, told) {
					t.Errorf("after %s: %v", took, err)
				}
				cancel(nil)
			})
		})
	}
}
