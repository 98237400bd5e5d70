package backinglog_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/backinglog"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestConforms(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(_ *testing.T, store *plugintest.Store) plugins.Plugin { return backinglog.New(store.Uploader()) },
		Payload: `{"logs": {"live": "public/live.txt", "backing": "public/all.txt"}}`,
	})
}

func TestLogIsUploadedAsItWasCompressed(t *testing.T) {
	for _, test := range []struct{ payload, name string }{
		{`{}`, "public/logs/live_backing.log"},
		{``, "public/logs/live_backing.log"}, // not valid: the log says why, so it must be there
		{`{"logs": {"backing": "private/a b.log"}}`, "private/a b.log"},
	} {
		t.Run(test.payload, func(t *testing.T) {
			run := plugintest.NewRun(t, test.payload)
			fmt.Fprint(run.Log, strings.Repeat("output\n", 100_000))
			if err := run.Life(t.Context(), backinglog.New(run.Queue.Store.Uploader()), nil); err != nil {
				t.Fatal(err)
			}
			calls := run.Queue.Calls()
			if len(calls) != 1 || calls[0].String() != "createArtifact s3 "+test.name {
				t.Fatalf("calls %v", calls)
			}
			if c := calls[0]; c.ContentType != "text/plain; charset=utf-8" || *c.ContentLength != 700_000 || !c.Expires.Equal(run.Definition.Expires) {
				t.Errorf("asked for %+v", c)
			}
			stored, _ := run.Queue.Store.Get(test.name)
			text, err := stored.Text()
			if err != nil || text != run.TaskLog(t) || stored.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("stored %d bytes with %v, %v", len(text), stored.Header, err)
			}
		})
	}
}

func TestObjectServiceGetsTheLogAsItIs(t *testing.T) {
	for _, lines := range []int{0, 10, 100_000} {
		run := plugintest.NewRun(t, `{}`)
		store := run.Queue.Store
		fmt.Fprint(run.Log, strings.Repeat("output\n", lines))
		u := store.Uploader()
		u.Objects = store
		if err := run.Life(t.Context(), backinglog.New(u), nil); err != nil {
			t.Fatal(err)
		}
		stored, _ := store.Get("public/logs/live_backing.log")
		if string(stored.Data) != run.TaskLog(t) {
			t.Errorf("stored %d bytes", len(stored.Data))
		}
		if sha256, _ := store.Sums("public/logs/live_backing.log"); len(sha256) != 64 {
			t.Errorf("finished with %q", sha256)
		}
	}
}

func TestFailuresResolveTheRun(t *testing.T) {
	for _, test := range []struct {
		refuse int
		want   task.Resolution
	}{
		{http.StatusConflict, task.MalformedPayload},
		{http.StatusBadRequest, task.MalformedPayload},
		{http.StatusServiceUnavailable, task.ResourceUnavailable},
		{http.StatusForbidden, task.InternalError},
	} {
		run := plugintest.NewRun(t, `{}`)
		run.Queue.Fail("public/logs/live_backing.log", plugintest.Refusal(test.refuse))
		err := run.Life(t.Context(), backinglog.New(run.Queue.Store.Uploader()), nil)
		if got := task.Resolve(err); got != test.want {
			t.Errorf("%d resolves %s: %v", test.refuse, got, err)
		}
	}
	run := plugintest.NewRun(t, `{}`)
	run.Queue.Store.Refuse()
	if err := run.Life(t.Context(), backinglog.New(run.Queue.Store.Uploader()), nil); task.Resolve(err) != task.ResourceUnavailable {
		t.Errorf("a store that does not answer resolves %s: %v", task.Resolve(err), err)
	}
}
