package index_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/index"
	"github.com/workerkit/workerkit/local/store"
)

func start(t *testing.T) (*apitest.Env, *index.Server) {
	t.Helper()
	env := apitest.New(t)
	s := index.New(index.Deps{Store: env.Store, Issuer: env, Clock: env.Now, RootURL: env.RootURL, Logger: env.Logger})
	env.Add(s.Service())
	return env, s
}

type entry struct {
	Namespace, TaskID string
	Rank              float64
	Data              map[string]any
	Expires           time.Time
}

func insert(env *apitest.Env, path string, rank float64, lifetime time.Duration) (entry, string) {
	taskID := slugid.Nice()
	var got entry
	env.OK(apitest.Call{Method: "index.insertTask", Args: []string{path}, Body: map[string]any{
		"taskId": taskID, "rank": rank, "data": map[string]any{}, "expires": env.Now().Add(lifetime),
	}}, &got)
	return got, taskID
}

func find(path string) apitest.Call {
	return apitest.Call{Method: "index.findTask", Args: []string{path}}
}

func TestHigherOrEqualRankWins(t *testing.T) {
	env, _ := start(t)
	var holder string
	for _, step := range []struct {
		rank float64
		wins bool
	}{{5, true}, {4, false}, {5, true}, {6.5, true}, {-1, false}} {
		reply, taskID := insert(env, "a.b", step.rank, time.Hour)
		if step.wins {
			holder = taskID
		}
		var got entry
		env.OK(find("a.b"), &got)
		if got.TaskID != holder || reply.TaskID != holder {
			t.Errorf("rank %v: found %s, replied %s, want %s", step.rank, got.TaskID, reply.TaskID, holder)
		}
	}
}

func TestExpiredEntriesGiveWay(t *testing.T) {
	env, s := start(t)
	insert(env, "a.b", 9, time.Minute)
	env.Advance(time.Minute)
	if reply := env.Do(find("a.b")); reply.Status != http.StatusNotFound {
		t.Errorf("expired: got %d, want 404", reply.Status)
	}
	_, taskID := insert(env, "a.b", 1, time.Hour)
	var got entry
	env.OK(find("a.b"), &got)
	if got.TaskID != taskID {
		t.Error("an expired entry of higher rank keeps its place")
	}
	env.Advance(2 * time.Hour)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"index/tasks", "index/namespaces"} {
		err := env.Store.View(t.Context(), func(tx *store.Tx) error {
			return tx.Each(bucket, "", "", func(key string, _ []byte) (bool, error) {
				t.Errorf("%s still has %q", bucket, key)
				return true, nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLists(t *testing.T) {
	env, _ := start(t)
	for _, path := range []string{"p.x", "p.q.a", "p.q.b", "p.q.deep.c", "pp.z", "top"} {
		insert(env, path, 0, time.Hour)
	}
	for _, c := range []struct {
		under             string
		tasks, namespaces []string
	}{
		{"p", []string{"p.x"}, []string{"p.q"}},
		{"p.q", []string{"p.q.a", "p.q.b"}, []string{"p.q.deep"}},
		{"pp", []string{"pp.z"}, nil},
		{"none", nil, nil},
	} {
		var tasks struct{ Tasks []entry }
		env.OK(apitest.Call{Method: "index.listTasks", Args: []string{c.under}}, &tasks)
		if got := paths(tasks.Tasks); !slices.Equal(got, c.tasks) {
			t.Errorf("tasks under %s: %v, want %v", c.under, got, c.tasks)
		}
		var spaces struct{ Namespaces []entry }
		env.OK(apitest.Call{Method: "index.listNamespaces", Args: []string{c.under}}, &spaces)
		if got := paths(spaces.Namespaces); !slices.Equal(got, c.namespaces) {
			t.Errorf("namespaces under %s: %v, want %v", c.under, got, c.namespaces)
		}
	}
}

func paths(entries []entry) (out []string) {
	for _, e := range entries {
		out = append(out, e.Namespace)
	}
	return out
}

func TestFindTasksAtIndexAsksForEveryPath(t *testing.T) {
	env, _ := start(t)
	insert(env, "a.b", 0, time.Hour)
	insert(env, "a.c", 0, time.Hour)
	call := apitest.Call{
		Method: "index.findTasksAtIndex", Body: map[string]any{"indexes": []string{"a.c", "a.none", "a.b", "a.c"}},
		Scopes: []string{"index:find-task:a.*"},
	}
	var got struct{ Tasks []entry }
	env.OK(call, &got)
	if p := paths(got.Tasks); !slices.Equal(p, []string{"a.c", "a.b"}) {
		t.Errorf("got %v", p)
	}
	call.Scopes = []string{"index:find-task:a.b", "index:find-task:a.c"}
	if reply := env.Do(call); reply.Status != http.StatusForbidden {
		t.Errorf("without the scope of one path: %d", reply.Status)
	}
}

func TestDelete(t *testing.T) {
	env, _ := start(t)
	insert(env, "a.b", 0, time.Hour)
	env.OK(apitest.Call{Method: "index.deleteTask", Args: []string{"a.b"}}, nil)
	if reply := env.Do(find("a.b")); reply.Status != http.StatusNotFound || reply.Message != "Indexed task not found" {
		t.Errorf("got %d %s", reply.Status, reply.Body)
	}
}

func TestCompletedTasksAreIndexedByTheirRoutes(t *testing.T) {
	env, s := start(t)
	expires := env.Now().Add(time.Hour)
	complete := func(extra string) string {
		taskID := slugid.Nice()
		task := index.Task{
			TaskID: taskID, Routes: []string{"index.p.latest", "notify.p", "index."},
			Extra: json.RawMessage(extra), Expires: expires,
		}
		if err := env.Store.Update(t.Context(), func(tx *store.Tx) error { return s.Completed(tx, task) }); err != nil {
			t.Fatal(err)
		}
		return taskID
	}
	for _, c := range []struct {
		extra string
		wins  bool
		want  entry
	}{
		{`{}`, true, entry{Expires: expires}},
		{`{"index":{"rank":3,"data":{"a":"b"},"expires":"2026-11-23T00:00:00.000Z"}}`, true,
			entry{Rank: 3, Data: map[string]any{"a": "b"}, Expires: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}},
		{`{"index":{"rank":2}}`, false, entry{}},
		{`{"index":{"rank":4,"data":7}}`, true, entry{Rank: 4, Expires: expires}},
		{`{"index":"nonsense"}`, false, entry{}},
	} {
		taskID := complete(c.extra)
		var got entry
		env.OK(find("p.latest"), &got)
		if won := got.TaskID == taskID; won != c.wins {
			t.Errorf("%s: won %v, want %v", c.extra, won, c.wins)
		}
		if c.wins && (got.Rank != c.want.Rank || len(got.Data) != len(c.want.Data) || !got.Expires.Equal(c.want.Expires)) {
			t.Errorf("%s: got %+v, want %+v", c.extra, got, c.want)
		}
	}
}

func TestFindArtifactRedirectsToTheQueue(t *testing.T) {
	env, _ := start(t)
	_, taskID := insert(env, "a.b", 0, time.Hour)
	artifact := func(name string) apitest.Reply {
		return env.Do(apitest.Call{
			Method: "index.findArtifactFromTask", Args: []string{"a.b", name}, Scopes: []string{"queue:get-artifact:" + name},
		})
	}
	public := artifact("public/log.txt")
	want := env.URL + "/api/queue/v1/task/" + taskID + "/artifacts/public%2Flog.txt"
	if public.Status != http.StatusSeeOther || public.Location != want {
		t.Errorf("public: %d to %s, want %s", public.Status, public.Location, want)
	}
	private := artifact("private/a.bin")
	location, err := url.Parse(private.Location)
	if err != nil {
		t.Fatal(err)
	}
	if private.Status != http.StatusSeeOther || location.Query().Get("bewit") == "" ||
		!strings.HasPrefix(location.EscapedPath(), "/api/queue/v1/task/"+taskID+"/artifacts/private%2F") {
		t.Errorf("private: %d to %s", private.Status, location.Path)
	}
}
