package workermanager_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/api/apitest"
)

func contains(data []byte, text string) bool { return bytes.Contains(data, []byte(text)) }

type poolReply struct {
	WorkerPoolID, ProviderID, Description            string
	Created, LastModified                            time.Time
	Config                                           map[string]any
	CurrentCapacity, RunningCount, StoppedCount      int
	RequestedCount, StoppingCount, RunningCapacity   int
	StoppedCapacity, StoppingCapacity, RequestedCapa int
}

func TestPoolLife(t *testing.T) {
	e := start(t)
	if reply := e.Do(poolCall("createWorkerPool", pool, poolBody(map[string]any{}))); reply.Status != http.StatusConflict {
		t.Errorf("created twice: %d, want 409", reply.Status)
	}
	e.newWorker("one")
	e.newWorker("two")
	e.OK(workerCall("removeWorker", "two", nil), nil)
	var got poolReply
	e.OK(poolCall("workerPool", pool, nil), &got)
	if got.CurrentCapacity != 1 || got.RunningCount != 1 || got.StoppedCount != 1 || got.RunningCapacity != 1 {
		t.Errorf("counts: %+v", got)
	}
	created := got.Created
	e.Advance(time.Minute)
	body := poolBody(map[string]any{})
	body["description"] = "changed"
	e.OK(poolCall("updateWorkerPool", pool, body), &got)
	if got.Description != "changed" || !got.Created.Equal(created) || !got.LastModified.Equal(e.Now()) {
		t.Errorf("updated: %+v", got)
	}
	e.OK(poolCall("deleteWorkerPool", pool, nil), &got)
	if got.ProviderID != "null-provider" {
		t.Errorf("deleted: %+v", got)
	}
	sweep(t, e)
	e.OK(poolCall("workerPool", pool, nil), &got) // a worker is left
	e.Advance(time.Hour)
	sweep(t, e)
	if reply := e.Do(poolCall("workerPool", pool, nil)); reply.Status != http.StatusNotFound {
		t.Errorf("without workers: %d, want 404", reply.Status)
	}
}

func sweep(t *testing.T, e env) {
	t.Helper()
	if err := e.server.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestBadPools(t *testing.T) {
	e := start(t)
	provider := func(id string) map[string]any {
		body := poolBody(map[string]any{})
		body["providerId"] = id
		return body
	}
	for name, c := range map[string]struct {
		call apitest.Call
		code string
	}{
		"unknown provider":   {poolCall("createWorkerPool", "smoke/new", provider("moon")), "InputError"},
		"unknown config key": {poolCall("createWorkerPool", "smoke/new", poolBody(map[string]any{"x": 1})), "InputValidationError"},
		"config of a wrong type": {poolCall("createWorkerPool", "smoke/new",
			poolBody(map[string]any{"workerConfig": []int{1}})), "InputValidationError"},
		"a lifetime over 30 days": {poolCall("updateWorkerPool", pool,
			poolBody(map[string]any{"lifecycle": map[string]any{"reregistrationTimeout": 2592001}})), "InputValidationError"},
		"a lifetime of nothing": {poolCall("updateWorkerPool", pool,
			poolBody(map[string]any{"lifecycle": map[string]any{"reregistrationTimeout": 0}})), "InputValidationError"},
		"a lifetime below zero": {poolCall("createWorkerPool", "smoke/new",
			poolBody(map[string]any{"lifecycle": map[string]any{"reregistrationTimeout": -5}})), "InputValidationError"},
		"no such pool": {poolCall("updateWorkerPool", "smoke/none", poolBody(map[string]any{})), "ResourceNotFound"},
	} {
		if reply := e.Do(c.call); reply.Code != c.code {
			t.Errorf("%s: %d %s", name, reply.Status, reply.Body)
		}
	}
	call := poolCall("createWorkerPool", "smoke/new", poolBody(map[string]any{}))
	call.Scopes = []string{"worker-manager:manage-worker-pool:smoke/new", "worker-manager:provider:other"}
	if reply := e.Do(call); reply.Status != http.StatusForbidden {
		t.Errorf("without the provider's scope: %d, want 403", reply.Status)
	}
}

func TestStaticWorkers(t *testing.T) {
	e := start(t)
	secret := e.newWorker("w")
	body := map[string]any{"expires": e.Now().Add(2 * time.Hour), "capacity": 3, "providerInfo": map[string]any{"staticSecret": secret}}
	if reply := e.Do(workerCall("createWorker", "w", body)); reply.Status != http.StatusConflict {
		t.Errorf("created twice: %d, want 409", reply.Status)
	}
	var w struct {
		ProviderID, State string
		Capacity          int
		Expires           time.Time
	}
	e.OK(workerCall("removeWorker", "w", nil), nil)
	e.OK(workerCall("worker", "w", nil), &w)
	if w.State != "stopped" {
		t.Errorf("removed: %+v", w)
	}
	e.OK(workerCall("updateWorker", "w", body), nil) // sets it running again
	e.OK(workerCall("worker", "w", nil), &w)
	if w.State != "running" || w.Capacity != 3 || w.ProviderID != "static" || !w.Expires.Equal(e.Now().Add(2*time.Hour)) {
		t.Errorf("updated: %+v", w)
	}
	for name, c := range map[string]struct {
		call   apitest.Call
		status int
	}{
		"no providerInfo": {workerCall("createWorker", "x", map[string]any{"expires": e.Now().Add(time.Hour)}), 400},
		"in the past": {workerCall("createWorker", "x", map[string]any{
			"expires": e.Now(), "providerInfo": map[string]any{"staticSecret": secret},
		}), 400},
		"update of none": {workerCall("updateWorker", "x", body), 404},
		"remove of none": {workerCall("removeWorker", "x", nil), 404},
	} {
		if reply := e.Do(c.call); reply.Status != c.status {
			t.Errorf("%s: %d, want %d", name, reply.Status, c.status)
		}
	}
	e.OK(poolCall("deleteWorkerPool", pool, nil), nil)
	if reply := e.Do(workerCall("createWorker", "late", body)); reply.Status != http.StatusBadRequest {
		t.Errorf("createWorker of the null provider: %d, want 400", reply.Status)
	}
}

// TestErrorsDoNotRepeatTheStaticSecret has errors of the schema and of the handlers. All else in
// the payload is repeated.
func TestErrorsDoNotRepeatTheStaticSecret(t *testing.T) {
	e := start(t)
	e.newWorker("w")
	const hidden = "OXGHKIfkRA-oj16Pssv1hAOz_eH81SStyiBj6tqns6QQ"
	info := map[string]any{"staticSecret": hidden}
	for name, c := range map[string]struct {
		call    apitest.Call
		payload string
	}{
		"conflict": {
			workerCall("createWorker", "w", map[string]any{"expires": "2099-01-01T00:00:00.000Z", "capacity": 3, "providerInfo": info}),
			`{"capacity":3,"expires":"2099-01-01T00:00:00.000Z","providerInfo":{"staticSecret":"(OMITTED)"}}`,
		},
		"not found": {
			workerCall("updateWorker", "x", map[string]any{"expires": "2099-01-01T00:00:00.000Z", "providerInfo": info}),
			`{"expires":"2099-01-01T00:00:00.000Z","providerInfo":{"staticSecret":"(OMITTED)"}}`,
		},
		"schema": {
			workerCall("createWorker", "x", map[string]any{"expires": "never", "providerInfo": info}),
			`{"expires":"never","providerInfo":{"staticSecret":"(OMITTED)"}}`,
		},
		"out of place": {
			workerCall("createWorker", "x", map[string]any{"staticSecret": hidden, "providerInfo": []any{info}}),
			`{"providerInfo":[{"staticSecret":"(OMITTED)"}],"staticSecret":"(OMITTED)"}`,
		},
	} {
		reply := e.Do(c.call)
		var shown struct {
			RequestInfo struct{ Payload json.RawMessage }
		}
		if err := json.Unmarshal(reply.Body, &shown); err != nil {
			t.Fatal(err)
		}
		if reply.Status < 400 || contains(reply.Body, hidden) || string(shown.RequestInfo.Payload) != c.payload {
			t.Errorf("%s: %d %s", name, reply.Status, reply.Body)
		}
	}
}

func TestWorkerLists(t *testing.T) {
	e := start(t)
	for i := range 3 {
		e.newWorker(fmt.Sprint("w", i))
	}
	e.OK(workerCall("removeWorker", "w1", nil), nil)
	for _, c := range []struct {
		method string
		args   []string
		query  url.Values
		want   []string
	}{
		{"listWorkersForWorkerPool", []string{pool}, nil, []string{"w0", "w1", "w2"}},
		{"listWorkersForWorkerPool", []string{pool}, url.Values{"state": {"running"}}, []string{"w0", "w2"}},
		{"listWorkersForWorkerPool", []string{"smoke/poo"}, nil, nil},
		{"listWorkersForWorkerGroup", []string{pool, "local"}, url.Values{"limit": {"2"}}, []string{"w0", "w1"}},
		{"listWorkersForWorkerGroup", []string{pool, "loc"}, nil, nil},
		{"listWorkers", []string{"smoke", "pool"}, url.Values{"workerState": {"stopped"}}, []string{"w1"}},
	} {
		var got struct{ Workers []struct{ WorkerID string } }
		e.OK(apitest.Call{Method: "worker-manager." + c.method, Args: c.args, Query: c.query}, &got)
		var ids []string
		for _, w := range got.Workers {
			ids = append(ids, w.WorkerID)
		}
		if !slices.Equal(ids, c.want) {
			t.Errorf("%s %v %v: %v, want %v", c.method, c.args, c.query, ids, c.want)
		}
	}
}

func TestShouldWorkerTerminate(t *testing.T) {
	e := start(t)
	e.newWorker("w")
	call := workerCall("shouldWorkerTerminate", "w", nil)
	call.Scopes = []string{"worker-manager:should-worker-terminate:" + pool + "/local/w"}
	var got struct {
		Terminate bool
		Reason    string
	}
	e.OK(call, &got)
	if got.Terminate || got.Reason != "none" {
		t.Errorf("at first: %+v", got)
	}
	if err := e.server.SetTerminate(t.Context(), pool, "local", "w", true, "too much capacity"); err != nil {
		t.Fatal(err)
	}
	e.OK(call, &got)
	if !got.Terminate || got.Reason != "too much capacity" {
		t.Errorf("then: %+v", got)
	}
}

func TestErrors(t *testing.T) {
	e := start(t)
	report := func(title string, scopes ...string) apitest.Call {
		return apitest.Call{Method: "worker-manager.reportWorkerError", Args: []string{pool}, Scopes: scopes, Body: map[string]any{
			"workerGroup": "local", "workerId": "w", "kind": "worker-error", "title": title,
			"description": "it broke", "extra": map[string]any{"code": "E1"},
		}}
	}
	for _, title := range []string{"first", "second", "first"} {
		e.OK(report(title, "assume:worker-pool:"+pool, "assume:worker-id:local/w"), nil)
		e.Advance(time.Hour)
	}
	if reply := e.Do(report("x", "assume:worker-pool:"+pool, "assume:worker-id:local/other")); reply.Status != http.StatusForbidden {
		t.Errorf("another worker's error: %d, want 403", reply.Status)
	}
	var list struct {
		WorkerPoolErrors []struct {
			Title, ErrorID string
			Extra          map[string]any
		}
	}
	e.OK(poolCall("listWorkerPoolErrors", pool, nil), &list)
	if len(list.WorkerPoolErrors) != 3 || list.WorkerPoolErrors[1].Title != "second" {
		t.Fatalf("listed %+v", list)
	}
	one := list.WorkerPoolErrors[2]
	if one.Extra["workerId"] != "w" || one.Extra["workerGroup"] != "local" || one.Extra["code"] != "E1" {
		t.Errorf("extra: %v", one.Extra)
	}
	filtered := poolCall("listWorkerPoolErrors", pool, nil)
	filtered.Query = url.Values{"errorId": {one.ErrorID}}
	e.OK(filtered, &list)
	if len(list.WorkerPoolErrors) != 1 {
		t.Errorf("by errorId: %+v", list)
	}
	for _, query := range []url.Values{nil, {"workerPoolId": {pool}}} {
		var stats struct {
			WorkerPoolID string
			Totals       struct {
				Total                      int
				Title, Code, Hourly, Daily map[string]int
			}
		}
		e.OK(apitest.Call{Method: "worker-manager.workerPoolErrorStats", Query: query}, &stats)
		if s := stats.Totals; s.Total != 3 || s.Title["first"] != 2 || s.Code["E1"] != 3 || len(s.Hourly) != 3 || len(s.Daily) != 1 {
			t.Errorf("%v: %+v", query, stats)
		}
	}
	e.Advance(31 * 24 * time.Hour)
	sweep(t, e)
	e.OK(poolCall("listWorkerPoolErrors", pool, nil), &list)
	if len(list.WorkerPoolErrors) != 0 {
		t.Errorf("after a month: %+v", list)
	}
}

func TestPoolLists(t *testing.T) {
	e := start(t)
	e.OK(poolCall("createWorkerPool", "smoke/other", poolBody(map[string]any{})), nil)
	e.newWorker("w")
	var pools struct{ WorkerPools []poolReply }
	e.OK(apitest.Call{Method: "worker-manager.listWorkerPools"}, &pools)
	var stats struct{ WorkerPoolsStats []poolReply }
	e.OK(apitest.Call{Method: "worker-manager.listWorkerPoolsStats"}, &stats)
	for what, list := range map[string][]poolReply{"pools": pools.WorkerPools, "stats": stats.WorkerPoolsStats} {
		if len(list) != 2 || list[0].WorkerPoolID != "smoke/other" || list[1].RunningCount != 1 {
			t.Errorf("%s: %+v", what, list)
		}
	}
	var providers struct{ Providers []map[string]string }
	e.OK(apitest.Call{Method: "worker-manager.listProviders"}, &providers)
	if len(providers.Providers) != 1 || providers.Providers[0]["providerType"] != "static" {
		t.Errorf("providers: %v", providers)
	}
	for _, method := range []string{"workerPoolStats", "listWorkerPoolLaunchConfigs"} {
		e.OK(poolCall(method, pool, nil), nil)
		if reply := e.Do(poolCall(method, "smoke/none", nil)); reply.Status != http.StatusNotFound {
			t.Errorf("%s of no pool: %d, want 404", method, reply.Status)
		}
	}
}
