package taskrun_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker/engines/mock"
	"github.com/workerkit/workerkit/worker/journal"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// wrapped is a form of payloads that have the native one in them, with an engine of its own.
type wrapped struct {
	*script
	permit func(ctx context.Context, run *task.Run) error
}

func newWrapped() *wrapped {
	return &wrapped{script: &script{Engine: mock.New(), at: map[string]func(context.Context) error{}}}
}

func (w *wrapped) kind(t *testing.T) taskrun.Kind {
	t.Helper()
	schema, err := payload.Merge(map[string]payload.Fragment{"wrapped": {Properties: map[string]any{"in": map[string]any{"type": "object"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return taskrun.Kind{
		Name: "wrapped payloads", Engine: w, Schema: schema,
		Accepts: func(payload json.RawMessage) bool { return bytes.Contains(payload, []byte(`"in"`)) },
		Translate: func(payload json.RawMessage) (json.RawMessage, error) {
			var all map[string]json.RawMessage
			if err := json.Unmarshal(payload, &all); err != nil {
				return nil, err
			}
			if string(all["in"]) == `{}` {
				return nil, errors.New("there is nothing in it")
			}
			return all["in"], nil
		},
		Permit: w.permit,
	}
}

// TestKinds: each payload gets the engine of its form, once it is translated and permitted.
func TestKinds(t *testing.T) {
	refuse := func(context.Context, *task.Run) error { return task.Malformed("not for you") }
	for name, c := range map[string]struct {
		payload string
		permit  func(context.Context, *task.Run) error
		only    bool // no native payloads
		ran     string
		as      task.Resolution
		says    string
	}{
		"native":                   {`{"exitCode": 0}`, refuse, false, "native", task.Completed, ""},
		"wrapped":                  {`{"in": {"exitCode": 3}}`, nil, false, "wrapped", task.Failed, ""},
		"alone":                    {`{"in": {"runForMs": 1}}`, nil, true, "wrapped", task.Completed, ""},
		"not valid as written":     {`{"in": 1}`, nil, false, "", task.MalformedPayload, "validation of payload failed"},
		"of both kinds":            {`{"in": {"exitCode": 0}, "exitCode": 0}`, nil, false, "", task.MalformedPayload, "validation of payload failed"},
		"not to be translated":     {`{"in": {}}`, nil, false, "", task.MalformedPayload, "payload: there is nothing in it"},
		"not permitted":            {`{"in": {"exitCode": 0}}`, refuse, false, "", task.MalformedPayload, "not for you"},
		"permission panics":        {`{"in": {"exitCode": 0}}`, func(context.Context, *task.Run) error { panic("told to") }, false, "", task.InternalError, "the payload failed"},
		"native where there is no": {`{"exitCode": 0}`, nil, true, "", task.MalformedPayload, "payload: workers of the pool  run wrapped payloads only"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWrapped()
				w.permit = c.permit
				b := newBench(t, c.payload, func(d *taskrun.Deps) {
					d.Kinds = append([]taskrun.Kind{w.kind(t)}, d.Kinds...)
					if c.only {
						d.Kinds = d.Kinds[:1]
					}
				})
				o := b.run(t.Context())
				b.reported(t, o, c.as)
				if c.says != "" && !strings.Contains(o.Err.Error(), c.says) {
					t.Errorf("%q is not in %q", c.says, o.Err)
				}
				if native, other := strings.Contains(order(b.seen()), "engine.Start"), strings.Contains(order(w.seen()), "engine.Start"); native != (c.ran == "native") || other != (c.ran == "wrapped") {
					t.Errorf("ran native %v, wrapped %v", native, other)
				}
			})
		})
	}
}

// TestPermission may take its time; an abort ends it, and is what counts.
func TestPermission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapped()
		var seen string
		w.permit = func(ctx context.Context, run *task.Run) error {
			seen = string(run.Payload) + " of " + string(run.Definition.Payload)
			<-ctx.Done()
			return context.Cause(ctx)
		}
		b := newBench(t, `{"in": {"exitCode": 0}}`, func(d *taskrun.Deps) { d.Kinds = append([]taskrun.Kind{w.kind(t)}, d.Kinds...) })
		time.AfterFunc(time.Minute, func() { b.runner.Abort(task.Shutdown("going away")) })
		b.reported(t, b.run(t.Context()), task.WorkerShutdown)
		if want := `{"exitCode": 0} of {"in": {"exitCode": 0}}`; seen != want {
			t.Errorf("saw %s, want %s", seen, want)
		}
	})
}

// entries is a journal that keeps the last entry.
type entries struct{ last journal.Entry }

func (e *entries) Put(claim journal.Entry) error { e.last = claim; return nil }
func (*entries) Remove(string, int64) error      { return nil }

// TestJournalOfKinds: the names of the log are those of the translated payload, also before it is
// known to be valid.
func TestJournalOfKinds(t *testing.T) {
	for text, want := range map[string][2]string{
		`{"in": {"logs": {"live": "l", "backing": "b"}}}`:                                 {"l", "b"},
		`{"in": {"logs": {"live": "l", "backing": "b"}, "features": {"liveLog": false}}}`: {"", "b"},
		`{"in": {"features": {"backingLog": false}}}`:                                     {"", ""},
		`{"in": {}}`: {"public/logs/live.log", "public/logs/live_backing.log"},
		`{"logs": {"live": "l", "backing": "b"}}`: {"l", "b"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, kept := newWrapped(), &entries{}
			newBench(t, text, func(d *taskrun.Deps) {
				d.Kinds, d.Journal = append([]taskrun.Kind{w.kind(t)}, d.Kinds...), kept
			}).run(t.Context())
			if kept.last.LiveName != want[0] || kept.last.LogName != want[1] {
				t.Errorf("%s: live %q, backing %q", text, kept.last.LiveName, kept.last.LogName)
			}
		})
	}
}
