package plugintest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

// recorder is a plugin that notes its hooks and makes one artifact.
type recorder struct {
	run   *task.Run
	hooks []string
	fail  string // the hook that fails
}

func (*recorder) Name() string { return "recorder" }

func (*recorder) Payload() payload.Fragment {
	return payload.Fragment{Features: map[string]payload.Feature{"record": {Description: "Note the hooks."}}}
}

func (r *recorder) New(run *task.Run) (plugins.Hooks, error) {
	if !run.Feature("record", false) {
		return nil, nil
	}
	return &recorder{run: run, fail: r.fail}, nil
}

func (r *recorder) note(hook string) error {
	r.hooks = append(r.hooks, hook)
	r.run.Log.Info("%s", hook)
	if r.fail == hook {
		return errors.New(hook + " failed")
	}
	return nil
}

func (r *recorder) Prepare(context.Context) error { return r.note("Prepare") }

func (r *recorder) Stopped(ctx context.Context, result engines.Result) error {
	if result != nil {
		if _, err := r.run.Queue.CreateArtifact(ctx, "a", tc.Artifact{StorageType: "link", Artifact: "b"}); err != nil {
			return context.Cause(ctx)
		}
	}
	return r.note("Stopped")
}

func (r *recorder) Finish(context.Context) error { return r.note("Finish") }
func (r *recorder) Close(context.Context) error  { return nil }

func TestPluginThatKeepsTheContractPasses(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(*testing.T, *plugintest.Store) plugins.Plugin { return &recorder{} },
		Payload: `{"features": {"record": true}}`,
	})
}

func TestLifeGoesOnAfterAFailure(t *testing.T) {
	for _, fail := range []string{"", "Prepare", "Stopped", "Finish"} {
		run := plugintest.NewRun(t, `{"features": {"record": true}}`)
		err := run.Life(t.Context(), &recorder{fail: fail}, plugintest.Result{Dir: run.Dir})
		if (err == nil) != (fail == "") {
			t.Errorf("%q failed: %v", fail, err)
		}
		log := run.TaskLog(t) // complete before Finish
		if !strings.Contains(log, "Stopped") || strings.Contains(log, "] Finish") {
			t.Errorf("%q failed: log %q", fail, log)
		}
		if failedEarly := fail == "Prepare" || fail == "Stopped"; strings.Contains(log, "[taskcluster:error] "+fail+" failed") != failedEarly {
			t.Errorf("%q failed: log %q", fail, log)
		}
		calls := run.Queue.Calls()
		if !slices.ContainsFunc(calls, func(c plugintest.Call) bool { return c.String() == "createArtifact link a to b" }) {
			t.Errorf("calls %v", calls)
		}
	}
}

func TestQueueAndStoreDoAsTheyAreTold(t *testing.T) {
	q := plugintest.NewQueue(t)
	q.Fail("a", plugintest.Refusal(http.StatusConflict))
	q.Store.Answer("a", 503)
	ctx := t.Context()
	if _, err := q.CreateArtifact(ctx, "a", tc.Artifact{StorageType: "s3"}); tc.Status(err) != http.StatusConflict {
		t.Errorf("first call: %v", err)
	}
	up, err := q.CreateArtifact(ctx, "a", tc.Artifact{StorageType: "s3"})
	if err != nil {
		t.Fatal(err)
	}
	put := func(url string) int {
		request, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("data"))
		if err != nil {
			t.Fatal(err)
		}
		reply, err := q.Store.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		_, _ = io.Copy(io.Discard, reply.Body)
		return reply.StatusCode
	}
	got := []int{put(up.PutURL), put(up.PutURL), put(strings.TrimSuffix(up.PutURL, "w"))}
	if want := []int{503, 200, 405}; !slices.Equal(got, want) {
		t.Errorf("answers %v, want %v", got, want)
	}
	if stored, ok := q.Store.Get("a"); !ok || string(stored.Data) != "data" || stored.Puts != 3 {
		t.Errorf("stored %+v, %v", stored, ok)
	}
}
