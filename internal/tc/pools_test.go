package tc_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

func TestPoolsAreReadByteForByte(t *testing.T) {
	definition := `{"workerPoolId":"a/b","config":{"big":12345678901234567890,"unknown":{"x":1.50}}}`
	client, calls := service(t, "200 "+definition)
	got, err := client.Pools(own()).Get(t.Context(), "a/b")
	if err != nil || string(got) != definition {
		t.Errorf("%s, %v", got, err)
	}
	if diff := cmp.Diff([]call{{"GET", "/api/worker-manager/v1/worker-pool/a%2Fb", "", true}}, *calls); diff != "" {
		t.Error(diff)
	}
}

func TestListsAreReadToTheEnd(t *testing.T) {
	var asked []string
	replies := []string{
		`{"workerPools":[{"n":1},{"n":2}],"continuationToken":"more/x"}`, `{"workerPools":[{"n":3}]}`,
		`{"workers":[{"workerGroup":"g","workerId":"1"}],"continuationToken":"y"}`, `{"workers":[{"workerGroup":"g","workerId":"2"}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, replies[len(asked)-1])
	}))
	defer server.Close()
	pools := tc.New(server.URL, tc.NewHTTP(), retry.Policy{}).Pools(own())
	all, err := pools.List(t.Context())
	if err != nil || len(all) != 3 || string(all[2]) != `{"n":3}` {
		t.Errorf("%s, %v", all, err)
	}
	workers, err := pools.Workers(t.Context(), "a/b", tc.WorkerFilter{LaunchConfigID: "lc", State: "running"})
	if err != nil || len(workers) != 2 || workers[1] != (tc.WorkerName{Pool: "a/b", Group: "g", ID: "2"}) {
		t.Errorf("%v, %v", workers, err)
	}
	want := []string{
		"/api/worker-manager/v1/worker-pools", "/api/worker-manager/v1/worker-pools?continuationToken=more%2Fx",
		"/api/worker-manager/v1/workers/a%2Fb?launchConfigId=lc&state=running",
		"/api/worker-manager/v1/workers/a%2Fb?continuationToken=y&launchConfigId=lc&state=running",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

func TestAListThatIsNoListIsAnError(t *testing.T) {
	for _, reply := range []string{`200 {"workerPools":"` + token + `"}`, `200 {"continuationToken":7}`} {
		client, calls := service(t, reply)
		if _, err := client.Pools(own()).List(t.Context()); tc.Status(err) != 200 || tc.Temporary(err) || len(*calls) != 1 {
			t.Errorf("%s: %v", reply, err)
		}
	}
}
