package taskrun_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/mock"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// queue is the queue as a transport, so that no network disturbs the clock of a test.
type queue struct {
	lasts time.Duration // each claim

	mu       sync.Mutex
	reclaims []time.Time
	answers  []int // the next statuses of reclaimTask; 0 is no reply; 200 when used up
	reports  []string
	signers  []string // who called
	// reportAnswers are the next statuses of reports, as answers; reported is told of each.
	reportAnswers []int
	reported      func(status int)
}

func (q *queue) RoundTrip(r *http.Request) (*http.Response, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, id, _ := strings.Cut(r.Header.Get("Authorization"), `id="`)
	id, _, _ = strings.Cut(id, `"`)
	q.signers = append(q.signers, id)
	var status int
	body := "{}"
	if strings.HasSuffix(r.URL.Path, "/reclaim") {
		q.reclaims = append(q.reclaims, time.Now())
		status = next(&q.answers)
		reply, _ := json.Marshal(map[string]any{
			"takenUntil":  time.Now().Add(q.lasts),
			"credentials": map[string]string{"clientId": "renewed", "accessToken": "t", "certificate": ""},
		})
		body = string(reply)
	} else {
		text, _ := io.ReadAll(r.Body)
		q.reports = append(q.reports, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]+string(text))
		status = next(&q.reportAnswers)
		if q.reported != nil {
			q.reported(status)
		}
	}
	switch {
	case status == 0:
		return nil, errors.New("no network")
	case status != http.StatusOK:
		body = `{"code":"RequestConflict","message":"no"}`
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{"Content-Type": {"application/json"}}, Request: r}, nil
}

// script is a plugin that notes what is called and does what it is told, and an engine around
// the mock one that does the same.
type script struct {
	engines.Engine
	mu    sync.Mutex
	calls []string
	alive []bool        // whether the context of each call had not ended
	grace time.Duration // of Kill
	// at is what happens at a hook, such as "a.Prepare" or "engine.Start".
	at map[string]func(context.Context) error
}

func (s *script) note(ctx context.Context, call string) error {
	s.mu.Lock()
	s.calls, s.alive = append(s.calls, call), append(s.alive, ctx.Err() == nil)
	fn := s.at[call]
	s.mu.Unlock()
	if fn != nil {
		return fn(ctx)
	}
	return nil
}

func (s *script) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *script) NewBuilder(ctx context.Context, run *task.Run) (engines.Builder, error) {
	if err := s.note(ctx, "engine.NewBuilder"); err != nil {
		return nil, err
	}
	b, err := s.Engine.NewBuilder(ctx, run)
	return &builder{b, s}, err
}

type builder struct {
	engines.Builder
	script *script
}

func (b *builder) Discard(ctx context.Context) error {
	return errors.Join(b.script.note(ctx, "engine.Discard"), b.Builder.Discard(ctx))
}

func (b *builder) Start(ctx context.Context) (engines.Sandbox, error) {
	if ctx.Err() != nil {
		_ = b.script.note(context.WithoutCancel(ctx), "engine.Start(too late)") // an end of the builder as well
		return nil, context.Cause(ctx)
	}
	if err := b.script.note(ctx, "engine.Start"); err != nil {
		return nil, err
	}
	s, err := b.Builder.Start(ctx)
	return &sandbox{s, b.script}, err
}

type sandbox struct {
	engines.Sandbox
	script *script
}

func (s *sandbox) Wait(ctx context.Context) (engines.Result, error) {
	if err := s.script.note(ctx, "engine.Wait"); err != nil {
		return nil, err
	}
	r, err := s.Sandbox.Wait(ctx)
	if err != nil {
		return nil, err
	}
	return &result{r, s.script}, nil
}

func (s *sandbox) Kill(ctx context.Context, grace time.Duration) error {
	s.script.grace = grace
	defer s.Sandbox.Kill(ctx, grace) // also after a panic, as the mock would run on
	return s.script.note(ctx, "engine.Kill")
}

type result struct {
	engines.Result
	script *script
}

func (r *result) Dispose(ctx context.Context) error {
	return errors.Join(r.script.note(ctx, "engine.Dispose"), r.Result.Dispose(ctx))
}

// plugin is one of two plugins, which do the same.
type plugin struct {
	script *script
	name   string
}

func (p plugin) Name() string            { return p.name }
func (plugin) Payload() payload.Fragment { return payload.Fragment{} }
func (p plugin) New(*task.Run) (plugins.Hooks, error) {
	if err := p.script.note(context.Background(), p.name+".New"); err != nil {
		return nil, err
	}
	return p, nil
}

func (p plugin) Prepare(ctx context.Context) error { return p.script.note(ctx, p.name+".Prepare") }
func (p plugin) Build(ctx context.Context, _ engines.Builder) error {
	return p.script.note(ctx, p.name+".Build")
}

func (p plugin) Started(ctx context.Context, _ engines.Sandbox) error {
	return p.script.note(ctx, p.name+".Started")
}

func (p plugin) Stopped(ctx context.Context, r engines.Result) error {
	call := p.name + ".Stopped"
	if r == nil {
		call += "(nothing)"
	}
	err := p.script.note(ctx, call)
	if err == nil && r != nil && !r.Status().Success && !r.Status().Aborted {
		return task.Failure("%s", r.Status().Reason)
	}
	return err
}
func (p plugin) Finish(ctx context.Context) error { return p.script.note(ctx, p.name+".Finish") }
func (p plugin) Close(ctx context.Context) error  { return p.script.note(ctx, p.name+".Close") }

// bench is one run of a task with two scripted plugins, a and b.
type bench struct {
	*script
	queue  *queue
	runner *taskrun.Runner
	log    *strings.Builder
}

func newBench(t *testing.T, text string, mods ...func(*taskrun.Deps)) *bench {
	t.Helper()
	s := &script{Engine: mock.New(), at: map[string]func(context.Context) error{}}
	b := &bench{script: s, queue: &queue{lasts: 20 * time.Minute}, log: &strings.Builder{}}
	schema, err := payload.Merge(map[string]payload.Fragment{"engine": s.Payload()})
	if err != nil {
		t.Fatal(err)
	}
	deps := taskrun.Deps{
		Client:  tc.New("http://queue.invalid", &http.Client{Transport: b.queue}, retry.Policy{Total: time.Minute}),
		Kinds:   taskrun.Native(s, schema),
		Plugins: []plugins.Plugin{plugin{s, "a"}, plugin{s, "b"}},
		Logger:  slog.New(slog.NewTextHandler(b.log, nil)), Now: time.Now, TasksDir: t.TempDir(),
		Header: "header", Grace: time.Second, CleanUp: true, Started: func(string, int64) {},
	}
	for _, mod := range mods {
		mod(&deps)
	}
	b.runner = taskrun.New(deps, tc.Claim{
		TaskID: "AAAAAAAAAAAAAAAAAAAAAA", TakenUntil: time.Now().Add(20 * time.Minute),
		Credentials: tc.Credentials{ClientID: "first", AccessToken: secret.New("hidden")},
		Task:        json.RawMessage(`{"payload": ` + text + `}`),
	}, 0)
	return b
}

// run takes the run to its end and cleans up.
func (b *bench) run(ctx context.Context) taskrun.Outcome {
	o := b.runner.Run(ctx)
	b.runner.Clean(context.WithoutCancel(ctx))
	return o
}
