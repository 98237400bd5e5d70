package tc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

const (
	token     = "the-access-token-which-nobody-may-see"
	proof     = `{"staticSecret":"the-static-secret-which-nobody-may-see"}`
	once      = "the-registration-secret-which-nobody-may-see"
	regReply  = `{"expires":"2030-01-02T03:04:05.000Z","credentials":{"clientId":"w","accessToken":"` + token + `","certificate":"{}"},"secret":"` + once + `","workerConfig":{"a":1}}`
	badSchema = `{"code":"InputValidationError","message":"Schema Validation Failed!\n\n---\n\n* method: x"}`
)

func name() tc.WorkerName { return tc.WorkerName{Pool: "proj/linux", Group: "g", ID: "w"} }

// call is what a service saw.
type call struct {
	Method, Path, Body string
	Signed             bool
}

// service replies to each call in turn, the last reply for ever, and notes the calls.
func service(t *testing.T, replies ...string) (*tc.Client, *[]call) {
	t.Helper()
	var calls []call
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls = append(calls, call{r.Method, r.URL.EscapedPath(), string(body), strings.HasPrefix(r.Header.Get("Authorization"), "Hawk ")})
		reply := replies[min(len(calls), len(replies))-1]
		status, text, _ := strings.Cut(reply, " ")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(map[string]int{"200": 200, "400": 400, "403": 403, "404": 404, "503": 503}[status])
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return tc.New(server.URL, tc.NewHTTP(), retry.Policy{Initial: time.Millisecond, Total: 5 * time.Second}), &calls
}

func own() tc.Source {
	return tc.Fixed(tc.Credentials{ClientID: "w", AccessToken: secret.New(token)})
}

func TestRegister(t *testing.T) {
	boot := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	client, calls := service(t, "503 ", "200 "+regReply)
	r, err := client.WorkerManager(tc.Anonymous()).Register(t.Context(), name(), "static", json.RawMessage(proof), boot)
	if err != nil {
		t.Fatal(err)
	}
	if r.Credentials.ClientID != "w" || r.Credentials.AccessToken.Reveal() != token || r.Credentials.Certificate.Reveal() != "{}" ||
		r.Secret.Reveal() != once || string(r.WorkerConfig) != `{"a":1}` || !r.Expires.Equal(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("registration %+v", r)
	}
	want := `{"workerPoolId":"proj/linux","providerId":"static","workerGroup":"g","workerId":"w","workerIdentityProof":` + proof + `,"systemBootTime":"2026-01-02T03:04:05.000Z"}`
	last := (*calls)[1]
	if diff := cmp.Diff(call{"POST", "/api/worker-manager/v1/worker/register", want, false}, last); diff != "" || len(*calls) != 2 {
		t.Errorf("%d calls, the last %s", len(*calls), diff)
	}
}

func TestRegisterWithAnOldService(t *testing.T) {
	client, calls := service(t, "400 "+badSchema, "200 "+regReply)
	if _, err := client.WorkerManager(tc.Anonymous()).Register(t.Context(), name(), "static", json.RawMessage(proof), time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(*calls) != 2 || strings.Contains((*calls)[1].Body, "systemBootTime") || !strings.Contains((*calls)[0].Body, "systemBootTime") {
		t.Errorf("calls %+v", *calls)
	}
}

func TestRegisterRefusedIsSaidOnceAndWithoutSecrets(t *testing.T) {
	refused := `400 {"code":"InputError","message":"bad staticSecret\n\n---\n\n` + token + `","requestInfo":{"payload":` + proof + `}}`
	client, calls := service(t, refused)
	_, err := client.WorkerManager(tc.Anonymous()).Register(t.Context(), name(), "static", json.RawMessage(proof), time.Now())
	if err == nil || err.Error() != "workerManager.registerWorker: 400 InputError: bad staticSecret" || len(*calls) != 1 {
		t.Errorf("%d calls, %v", len(*calls), err)
	}
}

func TestRegisterWithoutBootTime(t *testing.T) {
	client, calls := service(t, "400 "+badSchema)
	_, err := client.WorkerManager(tc.Anonymous()).Register(t.Context(), name(), "static", json.RawMessage(proof), time.Time{})
	if err == nil || len(*calls) != 1 || strings.Contains((*calls)[0].Body, "systemBootTime") {
		t.Errorf("%v, calls %+v", err, *calls)
	}
}

func TestReregister(t *testing.T) {
	client, calls := service(t, "200 "+strings.Replace(regReply, `,"workerConfig":{"a":1}`, "", 1))
	r, err := client.WorkerManager(own()).Reregister(t.Context(), name(), secret.New(once))
	if err != nil || r.Credentials.AccessToken.Reveal() != token || r.Secret.Reveal() != once || r.WorkerConfig != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	var sent map[string]string
	if err := json.Unmarshal([]byte((*calls)[0].Body), &sent); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"workerPoolId": "proj/linux", "workerGroup": "g", "workerId": "w", "secret": once}
	if diff := cmp.Diff(want, sent); diff != "" || !(*calls)[0].Signed {
		t.Errorf("sent %s, %+v", diff, (*calls)[0])
	}
}

func TestRemoveAndShouldTerminate(t *testing.T) {
	client, calls := service(t, `200 {"terminate":true,"reason":"too many"}`)
	terminate, reason, err := client.WorkerManager(own()).ShouldTerminate(t.Context(), name())
	if err != nil || !terminate || reason != "too many" {
		t.Errorf("%v %q %v", terminate, reason, err)
	}
	if err := client.WorkerManager(own()).Remove(t.Context(), name()); err != nil {
		t.Error(err)
	}
	want := []call{
		{"GET", "/api/worker-manager/v1/workers/proj%2Flinux/g/w/should-terminate", "", true},
		{"DELETE", "/api/worker-manager/v1/workers/proj%2Flinux/g/w", "", true},
	}
	if diff := cmp.Diff(want, *calls); diff != "" {
		t.Error(diff)
	}
}

func TestReportErrorFitsTheLimits(t *testing.T) {
	client, calls := service(t, `200 {}`)
	e := tc.WorkerError{Kind: "worker-error", Title: strings.Repeat("é", 200), Description: strings.Repeat("x", 20000)}
	if err := client.WorkerManager(own()).ReportError(t.Context(), name(), e); err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Title, Description, WorkerGroup, WorkerID string
		Extra                                     map[string]any
	}
	if err := json.Unmarshal([]byte((*calls)[0].Body), &sent); err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(sent.Title)); n != 128 || len([]rune(sent.Description)) != 10240 || sent.Extra == nil || sent.WorkerID != "w" {
		t.Errorf("title of %d, description of %d characters, extra %v", n, len(sent.Description), sent.Extra)
	}
	if (*calls)[0].Path != "/api/worker-manager/v1/worker-pool-errors/proj%2Flinux" {
		t.Errorf("path %s", (*calls)[0].Path)
	}
}

func TestSecretsGet(t *testing.T) {
	client, calls := service(t, `200 {"expires":"2030-01-02T03:04:05.000Z","secret":{"config":{"n":12345678901234567}}}`)
	value, err := client.Secrets(own()).Get(t.Context(), "worker-pool:proj/linux")
	if err != nil || string(value) != `{"config":{"n":12345678901234567}}` {
		t.Errorf("%s, %v", value, err)
	}
	if c := (*calls)[0]; c.Path != "/api/secrets/v1/secret/worker-pool%3Aproj%2Flinux" || !c.Signed {
		t.Errorf("call %+v", c)
	}
	for status, want := range map[string]int{`404 {"code":"ResourceNotFound","message":"no"}`: 404, `403 {"code":"InsufficientScopes","message":"no"}`: 403} {
		client, _ := service(t, status)
		if _, err := client.Secrets(own()).Get(t.Context(), "x"); tc.Status(err) != want || tc.Temporary(err) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestRepliesThatAreNotJSONDoNotShow(t *testing.T) {
	client, _ := service(t, `200 <html>`+token)
	_, err := client.Secrets(own()).Get(t.Context(), "x")
	if err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("%v", err)
	}
}

// TestTheBootTimeIsLeftOutOnce: a call that no release takes does not go on for ever.
func TestTheBootTimeIsLeftOutOnce(t *testing.T) {
	client, calls := service(t, "400 "+badSchema)
	_, err := client.WorkerManager(tc.Anonymous()).Register(t.Context(), name(), "static", json.RawMessage(proof), time.Now())
	if tc.Status(err) != http.StatusBadRequest || len(*calls) != 2 {
		t.Errorf("%v after %d calls", err, len(*calls))
	}
}
