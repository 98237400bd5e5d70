package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/reference"
)

// scopesFromHeader takes the caller's scopes from a header; "bad" is a caller with bad credentials.
type scopesFromHeader struct{}

func (scopesFromHeader) Authenticate(r *http.Request, _ []byte) (api.Caller, error) {
	held := r.Header.Get("Scopes")
	if held == "bad" {
		return api.Caller{}, &api.Error{Status: 401, Code: "AuthenticationFailed", Message: "Unauthorized: Bad mac"}
	}
	return api.Caller{ClientID: "tester", Scopes: strings.Fields(held)}, nil
}

// fixture is a server with some handlers, and what it logs.
type fixture struct {
	*httptest.Server
	log bytes.Buffer
}

func serve(t *testing.T, services ...api.Service) *fixture {
	t.Helper()
	ref, err := reference.Load()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{}
	server := api.NewServer(api.Options{
		Reference: ref, Authenticator: scopesFromHeader{}, Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
		Clock: func() time.Time { return time.Date(2026, 11, 22, 2, 30, 45, 674e6, time.UTC) },
	})
	for _, s := range services {
		if err := server.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	f.Server = httptest.NewServer(server)
	t.Cleanup(f.Close)
	f.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return f
}

// call makes a call and returns the reply's status, header and JSON.
func (f *fixture) call(t *testing.T, method, path, scopes, body string) (int, http.Header, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Scopes", scopes)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := f.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if len(data) > 0 && json.Unmarshal(data, &decoded) != nil {
		decoded = map[string]any{"text": string(data)}
	}
	return resp.StatusCode, resp.Header, decoded
}

func handle(name string, handlers map[string]api.Handler) api.Service {
	return api.Service{Name: name, Handlers: handlers}
}

func returning(v any) api.Handler {
	return func(context.Context, *api.Request) (any, error) { return v, nil }
}

func failing(err error) api.Handler {
	return func(context.Context, *api.Request) (any, error) { return nil, err }
}

// TestReplies has every form that a handler may answer in.
func TestReplies(t *testing.T) {
	secret := map[string]any{"expires": "2026-11-22T02:30:45.674Z", "secret": map[string]any{"a": "<b>"}}
	for name, c := range map[string]struct {
		handler api.Handler
		status  int
		body    map[string]any
	}{
		"value":        {returning(secret), 200, secret},
		"redirect":     {returning(&api.Redirect{Location: "http://example.com/x"}), 303, nil},
		"with a body":  {returning(&api.Redirect{Location: "http://example.com/x", Body: secret}), 303, secret},
		"other status": {returning(&api.Reply{Status: 424, Body: map[string]any{"reason": "x"}}), 424, map[string]any{"reason": "x"}},
	} {
		f := serve(t, handle("secrets", map[string]api.Handler{"get": c.handler}))
		status, header, body := f.call(t, "GET", "/api/secrets/v1/secret/name", "secrets:get:name", "")
		if status != c.status || !cmp.Equal(body, c.body) {
			t.Errorf("%s: %d %v", name, status, body)
		}
		if status == 303 && header.Get("Location") != "http://example.com/x" {
			t.Errorf("%s: location %q", name, header.Get("Location"))
		}
	}
	f := serve(t, handle("secrets", map[string]api.Handler{"remove": returning(nil)}))
	if status, _, body := f.call(t, "DELETE", "/api/secrets/v1/secret/name", "*", ""); status != 204 || body != nil {
		t.Errorf("nothing: %d %v", status, body)
	}
}

// TestInternalErrors has what is the server's own fault: it is logged and not told.
func TestInternalErrors(t *testing.T) {
	for name, c := range map[string]struct {
		handler api.Handler
		logged  string
	}{
		"error":             {failing(errors.New("disk full")), "disk full"},
		"breaks the schema": {returning(map[string]string{"secret": "not an object"}), "must have required property 'expires'"},
		"no body":           {returning(nil), "must have required property 'expires'"},
		"not JSON":          {returning(make(chan int)), "unsupported type"},
	} {
		f := serve(t, handle("secrets", map[string]api.Handler{"get": c.handler}))
		status, _, body := f.call(t, "GET", "/api/secrets/v1/secret/name", "*", "")
		if status != 500 || body["code"] != "InternalServerError" || strings.Contains(body["message"].(string), c.logged) {
			t.Errorf("%s: %d %v", name, status, body)
		}
		if !strings.Contains(f.log.String(), c.logged) || !strings.Contains(f.log.String(), "secrets.get") {
			t.Errorf("%s: the log says %s", name, f.log.String())
		}
	}
}

// TestForgottenScopeCheck shows that a handler which must check scopes cannot forget it.
func TestForgottenScopeCheck(t *testing.T) {
	f := serve(t, handle("purge-cache", map[string]api.Handler{"purgeCache": returning(nil)}))
	status, _, _ := f.call(t, "POST", "/api/purge-cache/v1/purge-cache/p%2Fw", "*", `{"cacheName": "c"}`)
	if status != 500 || !strings.Contains(f.log.String(), "did not check") {
		t.Errorf("%d, %s", status, f.log.String())
	}
}

// TestScopes has the two ways of checking: by the route alone, and by the handler.
func TestScopes(t *testing.T) {
	f := serve(t,
		handle("secrets", map[string]api.Handler{"remove": returning(nil)}),
		handle("purge-cache", map[string]api.Handler{"purgeCache": func(_ context.Context, r *api.Request) (any, error) {
			var body struct {
				CacheName string `json:"cacheName"`
			}
			if err := r.Decode(&body); err != nil {
				return nil, err
			}
			return nil, r.Authorize(map[string]any{"cacheName": body.CacheName})
		}}),
	)
	for _, c := range []struct {
		method, path, scopes, body string
		status                     int
	}{
		{"DELETE", "/api/secrets/v1/secret/a", "secrets:set:a", "", 204},
		{"DELETE", "/api/secrets/v1/secret/a", "secrets:set:b", "", 403},
		{"DELETE", "/api/secrets/v1/secret/a", "bad", "", 401},
		{"POST", "/api/purge-cache/v1/purge-cache/p%2Fw", "purge-cache:p/w:c", `{"cacheName": "c"}`, 204},
		{"POST", "/api/purge-cache/v1/purge-cache/p%2Fw", "purge-cache:p/w:d", `{"cacheName": "c"}`, 403},
	} {
		if status, _, body := f.call(t, c.method, c.path, c.scopes, c.body); status != c.status {
			t.Errorf("%s with %s: %d %v", c.path, c.scopes, status, body)
		}
	}
}

// TestErrorShape compares with replies of a real deployment, which stand here word by word.
func TestErrorShape(t *testing.T) {
	authorize := func(_ context.Context, r *api.Request) (any, error) {
		var body struct{ WorkerGroup, WorkerID string }
		if err := r.Decode(&body); err != nil {
			return nil, err
		}
		return nil, r.Authorize(map[string]any{"workerGroup": body.WorkerGroup, "workerId": body.WorkerID})
	}
	f := serve(t,
		handle("auth", map[string]api.Handler{"currentScopes": returning(nil)}),
		handle("queue", map[string]api.Handler{"claimWork": authorize}),
		handle("worker-manager", map[string]api.Handler{
			"createWorker":   returning(nil),
			"registerWorker": failing(api.InputError("bad staticSecret in workerIdentityProof")),
		}),
	)
	const at = "2026-11-22T02:30:45.674Z"
	for name, c := range map[string]struct {
		method, path, scopes, body string
		status                     int
		want                       string
	}{
		"wrong token": {
			"GET", "/api/auth/v1/scopes/current", "bad", "", 401,
			`{"code": "AuthenticationFailed",
			"message": "Unauthorized: Bad mac\n\n---\n\n* method:     currentScopes\n* errorCode:  AuthenticationFailed\n* statusCode: 401\n* time:       ` + at + `",
			"requestInfo": {"method": "currentScopes", "params": {}, "payload": {}, "time": "` + at + `"}}`,
		},
		"no staticSecret": {
			"PUT", "/api/worker-manager/v1/workers/smoke%2Fp-gawyu7/local/w-gawyu7", "*",
			`{"expires": "2026-11-23T02:30:45.707Z", "capacity": 1, "providerInfo": {}}`, 400,
			`{"code": "InputValidationError",
			"message": "\nSchema Validation Failed!\nRejecting Schema: HOST/schemas/worker-manager/v1/create-worker-request.json#\nErrors:\n  * data/providerInfo must have required property 'staticSecret'\n  * data/providerInfo must match exactly one schema in oneOf\n\n---\n\n* method:     createWorker\n* errorCode:  InputValidationError\n* statusCode: 400\n* time:       ` + at + `",
			"requestInfo": {"method": "createWorker",
				"params": {"workerPoolId": "smoke/p-gawyu7", "workerGroup": "local", "workerId": "w-gawyu7"},
				"payload": {"expires": "2026-11-23T02:30:45.707Z", "capacity": 1, "providerInfo": {}}, "time": "` + at + `"}}`,
		},
		"secret payload": {
			"POST", "/api/worker-manager/v1/worker/register", "",
			`{"workerPoolId": "smoke/p", "providerId": "static", "workerGroup": "local", "workerId": "w", "workerIdentityProof": {"staticSecret": "OXGHKIfkRA-oj16Pssv1hAOz_eH81SStyiBj6tqns6QQ"}}`, 400,
			`{"code": "InputError",
			"message": "bad staticSecret in workerIdentityProof\n\n---\n\n* method:     registerWorker\n* errorCode:  InputError\n* statusCode: 400\n* time:       ` + at + `",
			"requestInfo": {"method": "registerWorker", "params": {}, "payload": "(OMITTED)", "time": "` + at + `"}}`,
		},
		"insufficient scopes": {
			"POST", "/api/queue/v1/claim-work/smoke%2Fp-gawyu7", "queue:claim-work:smoke/p-gawyu7",
			`{"tasks": 1, "workerGroup": "local", "workerId": "someone-else"}`, 403,
			`{"code": "InsufficientScopes",
			"message": "Client ID tester does not have sufficient scopes and is missing the following scopes:\n\n` + "```" + `\nqueue:worker-id:local/someone-else\n` + "```" + `\n\nThis request requires the client to satisfy the following scope expression:\n\n` + "```" + `\n{\n  \"AllOf\": [\n    \"queue:claim-work:smoke/p-gawyu7\",\n    \"queue:worker-id:local/someone-else\"\n  ]\n}\n` + "```" + `\n\n---\n\n* method:     claimWork\n* errorCode:  InsufficientScopes\n* statusCode: 403\n* time:       ` + at + `",
			"requestInfo": {"method": "claimWork", "params": {"taskQueueId": "smoke/p-gawyu7"},
				"payload": {"tasks": 1, "workerGroup": "local", "workerId": "someone-else"}, "time": "` + at + `"}}`,
		},
	} {
		status, _, got := f.call(t, c.method, c.path, c.scopes, c.body)
		if status != c.status {
			t.Errorf("%s: status %d", name, status)
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(c.want, "HOST", f.URL)), &want); err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestInputErrors says what is wrong with a call in words that help.
func TestInputErrors(t *testing.T) {
	f := serve(t,
		handle("queue", map[string]api.Handler{"status": returning(nil), "createTask": returning(nil), "listTaskGroup": returning(nil)}),
		handle("index", map[string]api.Handler{"insertTask": returning(nil)}),
	)
	const insert = "/api/index/v1/task/a.b"
	for name, c := range map[string]struct {
		method, path, body, code, message string
	}{
		"not JSON":        {"PUT", insert, `{"a`, "InputValidationError", "data is not JSON"},
		"missing":         {"PUT", insert, ``, "InputValidationError", "data must have required property 'taskId'"},
		"additional":      {"PUT", insert, `{"more": 1}`, "InputValidationError", `data must NOT have additional properties: "more"`},
		"type":            {"PUT", insert, `{"rank": "1"}`, "InputValidationError", "data/rank must be number"},
		"format":          {"PUT", insert, `{"expires": "soon"}`, "InputValidationError", `data/expires must match format "date-time"`},
		"pattern":         {"PUT", insert, `{"taskId": "x"}`, "InputValidationError", `data/taskId must match pattern "^[A-Za-z0-9_-]{8}`},
		"taskId":          {"GET", "/api/queue/v1/task/nope/status", ``, "InvalidRequestArguments", `URL param "taskId" given "nope"`},
		"query":           {"GET", "/api/queue/v1/task-group/CubKWtqJQsiWzB6im_lhYg/list?limit=1&page=2", ``, "InvalidRequestArguments", "Query-string parameter: page is not supported!"},
		"route":           {"GET", "/api/queue/v1/nowhere", ``, "ResourceNotFound", "has no method with the route GET /nowhere"},
		"verb":            {"PATCH", insert, ``, "ResourceNotFound", "has no method with the route"},
		"not emulated":    {"GET", "/api/queue/v1/provisioners", ``, "ResourceNotFound", "does not emulate the method listProvisioners"},
		"no such service": {"GET", "/api/hooks/v1/hooks", ``, "ResourceNotFound", "it has index/v1, queue/v1"},
		"other version":   {"GET", "/api/queue/v2/ping", ``, "ResourceNotFound", "no service queue/v2"},
	} {
		status, _, body := f.call(t, c.method, c.path, "*", c.body)
		message, _ := body["message"].(string)
		if status < 400 || status > 404 || body["code"] != c.code || !strings.Contains(message, c.message) {
			t.Errorf("%s: %d %v: %s", name, status, body["code"], message)
		}
	}
}

func TestContentTypeAndSize(t *testing.T) {
	f := serve(t, handle("index", map[string]api.Handler{"insertTask": returning(nil)}))
	for name, c := range map[string]struct {
		contentType, code string
		size              int
	}{
		"type": {"text/plain", "MalformedPayload", 1},
		"size": {"application/json", "InputTooLarge", 10<<20 + 1},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", f.URL+"/api/index/v1/task/a", bytes.NewReader(make([]byte, c.size)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Scopes", "*")
		req.Header.Set("Content-Type", c.contentType)
		resp, err := f.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body struct{ Code string }
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Code != c.code {
			t.Errorf("%s: %s, %v", name, body.Code, err)
		}
	}
}

// TestRoutes shows which handler a path leads to and with which parameters.
func TestRoutes(t *testing.T) {
	echo := func(_ context.Context, r *api.Request) (any, error) {
		if err := r.Authorize(map[string]any{"names": []string{}}); err != nil {
			return nil, err
		}
		return &api.Reply{Status: 409, Body: map[string]any{"method": r.Method, "params": r.Params}}, nil
	}
	f := serve(t,
		handle("queue", map[string]api.Handler{"getArtifact": echo, "getLatestArtifact": echo, "listArtifacts": echo, "artifact": echo}),
		handle("purge-cache", map[string]api.Handler{"allPurgeRequests": echo}),
		handle("worker-manager", map[string]api.Handler{"workerPool": echo}),
		handle("secrets", map[string]api.Handler{"get": echo}),
		handle("index", map[string]api.Handler{"listTasks": echo}),
	)
	const task = "CubKWtqJQsiWzB6im_lhYg"
	for path, want := range map[string]map[string]any{
		"/api/queue/v1/task/" + task + "/runs/0/artifacts/public%2Fa%20b": {
			"method": "getArtifact", "params": map[string]any{"taskId": task, "runId": "0", "name": "public/a b"}},
		"/api/queue/v1/task/" + task + "/runs/0/artifacts/public/a//b%252F": {
			"method": "getArtifact", "params": map[string]any{"taskId": task, "runId": "0", "name": "public/a//b%2F"}},
		"/api/queue/v1/task/" + task + "/artifacts/public/runs/0": {
			"method": "getLatestArtifact", "params": map[string]any{"taskId": task, "name": "public/runs/0"}},
		"/api/queue/v1/task/" + task + "/runs/0/artifacts": {
			"method": "listArtifacts", "params": map[string]any{"taskId": task, "runId": "0"}},
		"/api/queue/v1/task/" + task + "/runs/12/artifact-content/x": {
			"method": "artifact", "params": map[string]any{"taskId": task, "runId": "12", "name": "x"}},
		"/api/purge-cache/v1/purge-cache/list":      {"method": "allPurgeRequests", "params": map[string]any{}},
		"/api/worker-manager/v1/worker-pool/p%2Fw":  {"method": "workerPool", "params": map[string]any{"workerPoolId": "p/w"}},
		"/api/secrets/v1/secret/worker-pool:p/w":    {"method": "get", "params": map[string]any{"name": "worker-pool:p/w"}},
		"/api/index/v1/tasks/":                      {"method": "listTasks", "params": map[string]any{"namespace": ""}},
		"/api/secrets/v1/secret/worker-pool%3Ap%2F": {"method": "get", "params": map[string]any{"name": "worker-pool:p/"}},
	} {
		if _, _, got := f.call(t, "GET", path, "*", ""); !cmp.Equal(want, got) {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestCommonMethods(t *testing.T) {
	f := serve(t, handle("secrets", nil))
	for path, pattern := range map[string]string{
		"ping": `^map\[alive:true uptime:0\]$`, "__heartbeat__": `^map\[\]$`, "__lbheartbeat__": `^map\[\]$`, "__version__": `taskcluster-local`,
	} {
		status, _, body := f.call(t, "GET", "/api/secrets/v1/"+path, "", "")
		text := strings.TrimSpace(strings.ReplaceAll(toText(body), "\n", " "))
		if status != 200 || !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, _, _ := f.call(t, "HEAD", "/api/secrets/v1/ping", "", ""); status != 200 {
		t.Errorf("HEAD: %d", status)
	}
}

func toText(v any) string { return strings.TrimSpace(strings.Join(strings.Fields(sprint(v)), " ")) }

func TestCORS(t *testing.T) {
	f := serve(t, handle("secrets", nil))
	status, header, _ := f.call(t, "OPTIONS", "/api/secrets/v1/secret/x", "", "")
	if status != 200 || header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("%d %v", status, header)
	}
	if _, header, _ := f.call(t, "GET", "/api/secrets/v1/nowhere", "", ""); header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("an error cannot be read from a web page")
	}
}

func TestDocuments(t *testing.T) {
	f := serve(t)
	if status, _, body := f.call(t, "GET", "/schemas/queue/v1/task.json", "", ""); status != 200 || body["$id"] != "/schemas/queue/v1/task.json#" {
		t.Errorf("%d %v", status, body)
	}
	if status, _, body := f.call(t, "GET", "/nothing", "", ""); status != 404 || !strings.Contains(sprint(body), "/api/") {
		t.Errorf("%d %v", status, body)
	}
}

func TestAddRefusesWhatTheReferenceLacks(t *testing.T) {
	ref, err := reference.Load()
	if err != nil {
		t.Fatal(err)
	}
	server := api.NewServer(api.Options{Reference: ref, Clock: time.Now})
	if err := server.Add(handle("hooks", nil)); err == nil {
		t.Error("an unknown service is added")
	}
	if err := server.Add(handle("secrets", map[string]api.Handler{"got": returning(nil)})); err == nil {
		t.Error("an unknown method is added")
	}
}
