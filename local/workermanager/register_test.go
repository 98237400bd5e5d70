package workermanager_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/store"
	"github.com/workerkit/workerkit/local/workermanager"
)

const pool = "smoke/pool"

type env struct {
	*apitest.Env
	server *workermanager.Server
}

// start serves a worker-manager with one static pool.
func start(t *testing.T) env {
	t.Helper()
	e := apitest.New(t)
	s := workermanager.New(workermanager.Deps{Store: e.Store, Issuer: e, Clock: e.Now, Logger: e.Logger})
	e.Add(s.Service())
	e.OK(poolCall("createWorkerPool", pool, poolBody(map[string]any{"workerConfig": map[string]any{"smoke": true}})), nil)
	return env{e, s}
}

func poolBody(config map[string]any) map[string]any {
	return map[string]any{
		"providerId": "static", "description": "a pool", "config": config, "owner": "a@example.invalid", "emailOnError": false,
	}
}

func poolCall(method, id string, body any) apitest.Call {
	return apitest.Call{Method: "worker-manager." + method, Args: []string{id}, Body: body}
}

func workerCall(method, id string, body any) apitest.Call {
	return apitest.Call{Method: "worker-manager." + method, Args: []string{pool, "local", id}, Body: body}
}

// newWorker creates a static worker that lives for an hour and returns its secret.
func (e env) newWorker(id string) string {
	secret := slugid.V4() + slugid.V4()
	e.OK(workerCall("createWorker", id, map[string]any{
		"expires": e.Now().Add(time.Hour), "capacity": 1, "providerInfo": map[string]any{"staticSecret": secret},
	}), nil)
	return secret
}

type registered struct {
	Expires      time.Time
	Credentials  struct{ ClientID, AccessToken, Certificate string }
	WorkerConfig map[string]any
	Secret       string
}

func register(id, secret string) apitest.Call {
	return apitest.Call{Method: "worker-manager.registerWorker", Scopes: []string{}, Body: map[string]any{
		"workerPoolId": pool, "providerId": "static", "workerGroup": "local", "workerId": id,
		"workerIdentityProof": map[string]any{"staticSecret": secret}, "systemBootTime": "2026-11-22T02:00:00.000Z",
	}}
}

func reregister(id, secret string) apitest.Call {
	return apitest.Call{
		Method: "worker-manager.reregisterWorker", Scopes: []string{"worker-manager:reregister-worker:" + pool + "/local/" + id},
		Body: map[string]any{"workerPoolId": pool, "workerGroup": "local", "workerId": id, "secret": secret},
	}
}

func TestRegisterWorker(t *testing.T) {
	e := start(t)
	secret := e.newWorker("w")
	var got registered
	e.OK(register("w", secret), &got)
	if want := e.Now().Add(96 * time.Hour); !got.Expires.Equal(want) {
		t.Errorf("expires %v, want %v", got.Expires, want)
	}
	if got.Credentials.ClientID != "worker/static/smoke/pool/local/w" || len(got.Secret) != 44 || got.WorkerConfig["smoke"] != true {
		t.Errorf("got %+v", got)
	}
	var cert tcclient.Certificate
	if err := json.Unmarshal([]byte(got.Credentials.Certificate), &cert); err != nil {
		t.Fatal(err)
	}
	if want := []string{
		"assume:worker-type:smoke/pool", "assume:worker-pool:smoke/pool", "assume:worker-id:local/w", "queue:worker-id:local/w",
		"secrets:get:worker-type:smoke/pool", "secrets:get:worker-pool:smoke/pool", "queue:claim-work:smoke/pool",
		"worker-manager:remove-worker:smoke/pool/local/w", "worker-manager:reregister-worker:smoke/pool/local/w",
		"worker-manager:should-worker-terminate:smoke/pool/local/w",
	}; !slices.Equal(cert.Scopes, want) {
		t.Errorf("scopes %q", cert.Scopes)
	}
	start, expiry := e.Now().Add(-15*time.Minute).UnixMilli(), got.Expires.UnixMilli()
	if cert.Start != start || cert.Expiry != expiry || cert.Issuer != "static/taskcluster/worker-manager" {
		t.Errorf("certificate %+v", cert)
	}
}

func TestOnlyTheLatestSecretRenews(t *testing.T) {
	e := start(t)
	static := e.newWorker("w")
	var first, second, third registered
	e.OK(register("w", static), &first)
	e.OK(register("w", static), &second)
	refused := func(what, secret string) {
		t.Helper()
		reply := e.Do(reregister("w", secret))
		if reply.Status != http.StatusBadRequest || reply.Code != "InputError" || reply.Message != "Could not generate credentials for this secret" {
			t.Errorf("%s: %d %s", what, reply.Status, reply.Body)
		}
	}
	refused("the secret of a former registration", first.Secret)
	e.OK(reregister("w", second.Secret), &third)
	if third.WorkerConfig != nil || third.Secret == second.Secret || !third.Expires.Equal(e.Now().Add(96*time.Hour)) {
		t.Errorf("reregisterWorker: %+v", third)
	}
	refused("a secret that was used", second.Secret)
	e.OK(reregister("w", third.Secret), &third)
	e.OK(workerCall("removeWorker", "w", nil), nil)
	refused("a stopped worker", third.Secret)

	call := reregister("nobody", third.Secret)
	if reply := e.Do(call); reply.Status != http.StatusBadRequest {
		t.Errorf("an unknown worker: %d, want the same 400", reply.Status)
	}
	call.Scopes = []string{"worker-manager:reregister-worker:" + pool + "/local/w"}
	if reply := e.Do(call); reply.Status != http.StatusForbidden {
		t.Errorf("another worker's scope: %d, want 403", reply.Status)
	}
}

func TestRegisterWorkerRefusesInOrder(t *testing.T) {
	e := start(t)
	secret := e.newWorker("w")
	stopped := e.newWorker("stopped")
	e.OK(workerCall("removeWorker", "stopped", nil), nil)
	wrong := slugid.V4() + slugid.V4()
	for _, c := range []struct {
		name    string
		change  map[string]any
		status  int
		message string
	}{
		{"pool, whatever else is wrong", map[string]any{"workerPoolId": "smoke/none", "providerId": "none", "workerId": "none"}, 404, "Worker pool smoke/none does not exist"},
		{"provider before worker", map[string]any{"providerId": "nothing", "workerId": "none"}, 404, "Provider nothing does not exist"},
		{"provider of the pool", map[string]any{"providerId": "null-provider", "workerId": "none"}, 400, "Worker pool smoke/pool not associated with provider null-provider"},
		{"worker", map[string]any{"workerId": "nobody"}, 404, "Worker local/nobody in worker pool smoke/pool does not exist"},
		{"proof", map[string]any{"workerIdentityProof": map[string]any{"staticSecret": wrong}}, 400, "bad staticSecret in workerIdentityProof"},
		{"kind of proof", map[string]any{"workerIdentityProof": map[string]any{"token": "x"}}, 400, "missing staticSecret in workerIdentityProof"},
		{"stopped", map[string]any{"workerId": "stopped", "workerIdentityProof": map[string]any{"staticSecret": stopped}}, 400, "worker is not running"},
	} {
		call := register("w", secret)
		body := call.Body.(map[string]any)
		maps.Copy(body, c.change)
		reply := e.Do(call)
		if reply.Status != c.status || reply.Message != c.message {
			t.Errorf("%s: %d %q, want %d %q", c.name, reply.Status, reply.Message, c.status, c.message)
		}
	}
	e.Advance(time.Hour)
	reply := e.Do(register("w", secret))
	if reply.Status != http.StatusBadRequest || reply.Message != "Worker local/w in worker pool smoke/pool has expired" {
		t.Errorf("expired: %d %s", reply.Status, reply.Body)
	}
}

func TestLifetimeIsThePools(t *testing.T) {
	e := start(t)
	secret := e.newWorker("w")
	config := map[string]any{"lifecycle": map[string]any{"reregistrationTimeout": 3600}}
	e.OK(poolCall("updateWorkerPool", pool, poolBody(config)), nil)
	var got registered
	e.OK(register("w", secret), &got)
	if !got.Expires.Equal(e.Now().Add(time.Hour)) || got.WorkerConfig == nil || len(got.WorkerConfig) != 0 {
		t.Errorf("got %+v, want an hour and an empty config", got)
	}
}

func TestFormerProvidersWorkersStillRegister(t *testing.T) {
	e := start(t)
	secret := e.newWorker("w")
	e.OK(poolCall("deleteWorkerPool", pool, nil), nil)
	e.OK(register("w", secret), nil)
}

func TestSecretsAreNotStored(t *testing.T) {
	e := start(t)
	static := e.newWorker("w")
	var got registered
	e.OK(register("w", static), &got)
	err := e.Store.View(t.Context(), func(tx *store.Tx) error {
		return tx.Each("workermanager/workers", "", "", func(_ string, value []byte) (bool, error) {
			for what, secret := range map[string]string{"static secret": static, "registration secret": got.Secret} {
				if contains(value, secret) {
					t.Errorf("the store has the %s", what)
				}
			}
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
