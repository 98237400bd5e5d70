package queue_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcobject"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
)

// TestPublicClient is a worker's day with the public Go client, against the whole of
// taskcluster-local: signatures, certificates, scopes, uploads and downloads are real.
func TestPublicClient(t *testing.T) {
	local := localtest.Start(t)
	taskID := local.CreateTask(t, queueID, json.RawMessage(`{}`))
	worker := tcqueue.New(local.Credentials(), local.RootURL)
	claims, err := worker.ClaimWork(queueID, &tcqueue.ClaimWorkRequest{Tasks: 1, WorkerGroup: "g", WorkerID: "w"})
	if err != nil || len(claims.Tasks) != 1 || claims.Tasks[0].Status.TaskID != taskID {
		t.Fatalf("claims %+v, %v", claims, err)
	}
	credentials := claims.Tasks[0].Credentials
	run := tcqueue.New(&tcclient.Credentials{
		ClientID: credentials.ClientID, AccessToken: credentials.AccessToken, Certificate: credentials.Certificate,
	}, local.RootURL)
	reclaimed, err := run.ReclaimTask(taskID, "0")
	if err != nil {
		t.Fatal(err)
	}
	credentials = tcqueue.TaskCredentials(reclaimed.Credentials)
	run.Credentials = &tcclient.Credentials{
		ClientID: credentials.ClientID, AccessToken: credentials.AccessToken, Certificate: credentials.Certificate,
	}
	other := local.CreateTask(t, queueID, json.RawMessage(`{}`))
	var refused *tcclient.APICallException
	if _, err := run.ReportCompleted(other, "0"); !errors.As(err, &refused) || refused.CallSummary.HTTPResponse.StatusCode != http.StatusForbidden {
		t.Errorf("another task's run, with this one's credentials: %v", err)
	}

	expires := tcclient.Time(time.Now().Add(time.Hour))
	uploadS3(t, run, taskID, expires)
	uploadObject(t, run, local.RootURL, taskID, expires)
	for name, want := range map[string]string{"private/s3.txt": "by s3", "private/object.txt": "by object"} {
		url, err := worker.GetLatestArtifact_SignedURL(taskID, name, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := fetch(t, http.MethodGet, url.String(), "", ""); status != 200 || body != want {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	status, err := run.ReportCompleted(taskID, "0")
	if err != nil || status.Status.State != "completed" {
		t.Errorf("%+v, %v", status, err)
	}
}

func uploadS3(t *testing.T, run *tcqueue.Queue, taskID string, expires tcclient.Time) {
	t.Helper()
	var upload struct{ ContentType, PutURL string }
	createWithClient(t, run, taskID, "private/s3.txt", &tcqueue.S3ArtifactRequest{
		StorageType: "s3", ContentType: "text/plain", Expires: expires,
	}, &upload)
	if status, body := fetch(t, http.MethodPut, upload.PutURL, upload.ContentType, "by s3"); status != 200 {
		t.Fatalf("PUT: %d %s", status, body)
	}
}

func uploadObject(t *testing.T, run *tcqueue.Queue, rootURL, taskID string, expires tcclient.Time) {
	t.Helper()
	var upload struct {
		Name, ProjectID, UploadID string
		Expires                   tcclient.Time
		Credentials               tcclient.Credentials
	}
	createWithClient(t, run, taskID, "private/object.txt", &tcqueue.ObjectArtifactRequest{
		StorageType: "object", ContentType: "text/plain", Expires: expires,
	}, &upload)
	const body = "by object"
	objects := tcobject.New(&upload.Credentials, rootURL)
	method := tcobject.ProposedUploadMethods{}
	method.PutURL.ContentType, method.PutURL.ContentLength = "text/plain", int64(len(body))
	created, err := objects.CreateUpload(upload.Name, &tcobject.CreateUploadRequest{
		Expires: upload.Expires, ProjectID: upload.ProjectID, UploadID: upload.UploadID, ProposedUploadMethods: method,
	})
	if err != nil {
		t.Fatal(err)
	}
	var selected struct {
		PutURL struct {
			URL     string
			Headers map[string]string
		}
	}
	if err := json.Unmarshal(encoded(t, created.UploadMethod), &selected); err != nil {
		t.Fatal(err)
	}
	put(t, selected.PutURL.URL, selected.PutURL.Headers, body)
	if err := objects.FinishUpload(upload.Name, &tcobject.FinishUploadRequest{ProjectID: upload.ProjectID, UploadID: upload.UploadID}); err != nil {
		t.Fatal(err)
	}
	if err := run.FinishArtifact(taskID, "0", "private/object.txt", &tcqueue.FinishArtifactRequest{UploadID: upload.UploadID}); err != nil {
		t.Fatal(err)
	}
}

// createWithClient calls createArtifact and decodes the reply into v.
func createWithClient(t *testing.T, run *tcqueue.Queue, taskID, name string, request, v any) {
	t.Helper()
	payload := tcqueue.PostArtifactRequest(encoded(t, request))
	reply, err := run.CreateArtifact(taskID, "0", name, &payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded(t, reply), v); err != nil {
		t.Fatal(err)
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t *testing.T, url string, headers map[string]string, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	if data, err := io.ReadAll(reply.Body); err != nil || reply.StatusCode != 200 {
		t.Fatalf("PUT: %d %s %v", reply.StatusCode, data, err)
	}
}

// TestNamesOfAnyKind shows that an artifact can be called what a file can be called, and that
// whoever may read public artifacts can read it. The public client is of no use here: it writes
// a space in a route as "+".
func TestNamesOfAnyKind(t *testing.T) {
	local := localtest.Start(t)
	taskID := local.CreateTask(t, queueID, json.RawMessage(`{}`))
	queue := tcqueue.New(local.Credentials(), local.RootURL)
	if _, err := queue.ClaimWork(queueID, &tcqueue.ClaimWorkRequest{Tasks: 1, WorkerGroup: "g", WorkerID: "w"}); err != nil {
		t.Fatal(err)
	}
	client := tc.New(local.RootURL, tc.NewHTTP(), retry.Policy{Total: time.Nanosecond})
	source := tc.Fixed(tc.Credentials{ClientID: local.ClientID, AccessToken: secret.New(local.AccessToken)})
	for _, name := range []string{"public/a b.txt", "public/50%/c+d&e=f?.txt", "public/ü/#1.txt"} {
		upload, err := client.Run(source, taskID, 0).CreateArtifact(t.Context(), name, tc.Artifact{
			StorageType: "s3", ContentType: "text/plain", Expires: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		if status, body := fetch(t, http.MethodPut, upload.PutURL, upload.ContentType, name); status != 200 {
			t.Fatalf("PUT of %s: %d %s", name, status, body)
		}
		signed, err := client.Tasks(source).ArtifactURL(taskID, 0, name, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		anonymous := local.RootURL + "/api/queue/v1/task/" + taskID + "/artifacts/" + url.PathEscape(name)
		for _, address := range []string{signed, anonymous} {
			if status, body := fetch(t, http.MethodGet, address, "", ""); status != 200 || body != name {
				t.Errorf("GET of %s: %d %s", name, status, body)
			}
		}
	}
}
