package fetch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcindex"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
)

// deployment is taskcluster-local with a running task that may have artifacts.
type deployment struct {
	*localtest.Instance
	calls  *tc.Client
	client *http.Client
	root   tc.Source
	taskID string
	run    tc.Run
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{Instance: localtest.Start(t), client: tc.NewHTTP()}
	t.Cleanup(d.client.CloseIdleConnections)
	d.calls = tc.New(d.RootURL, d.client, quick())
	d.root = tc.Fixed(tc.Credentials{ClientID: d.ClientID, AccessToken: secret.New(d.AccessToken)})
	d.taskID = d.CreateTask(t, "test/pool", json.RawMessage(`{}`))
	claims, err := d.calls.Work(d.root, tc.WorkerName{Pool: "test/pool", Group: "g", ID: "w"}).Claim(t.Context(), 1)
	if err != nil || len(claims) != 1 {
		t.Fatalf("claims %v, %v", claims, err)
	}
	d.run = d.calls.Run(tc.Fixed(claims[0].Credentials), d.taskID, 0)
	return d
}

func (d *deployment) upload(t *testing.T, name string, content []byte, objects tc.Objects) {
	t.Helper()
	u := &artifact.Uploader{HTTP: d.client, Objects: objects, Policy: quick(), Now: time.Now}
	err := u.Upload(t.Context(), d.run, slog.New(slog.DiscardHandler), artifact.Data{
		Name: name, ContentType: "text/plain", Expires: time.Now().Add(time.Hour), Size: int64(len(content)), Length: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (d *deployment) create(t *testing.T, name string, a tc.Artifact) {
	t.Helper()
	a.Expires = time.Now().Add(time.Hour)
	if _, err := d.run.CreateArtifact(t.Context(), name, a); err != nil {
		t.Fatal(err)
	}
}

func (d *deployment) get(t *testing.T, c fetch.Content, source tc.Source) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	download, err := fetch.New(d.calls, d.client, quick()).Start(t.Context(), c, fetch.Access{Credentials: source}, path)
	if err != nil {
		return "", err
	}
	if _, err := download.Wait(t.Context()); err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	return string(data), err
}

// TestArtifacts has artifacts of every kind downloaded from taskcluster-local.
func TestArtifacts(t *testing.T) {
	d := deploy(t)
	data := random(1 << 20)
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = w.Write(data) })
	d.upload(t, "public/s3", data, nil)
	d.upload(t, "private/s3", data, nil)
	d.upload(t, "public/object", data, d.calls.Objects())
	d.upload(t, "private/object", data, d.calls.Objects())
	d.create(t, "public/reference", tc.Artifact{StorageType: "reference", ContentType: "text/plain", URL: plain.URL})
	d.create(t, "public/link", tc.Artifact{StorageType: "link", Artifact: "public/s3"})
	for _, name := range []string{"public/s3", "private/s3", "public/object", "private/object", "public/reference", "public/link"} {
		if got, err := d.get(t, fetch.Content{TaskID: d.taskID, Artifact: name, SHA256: fetch.Sum(data)}, d.root); err != nil || got != string(data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if got, err := d.get(t, fetch.Content{TaskID: d.taskID, Artifact: "public/s3"}, tc.Anonymous()); err != nil || got != string(data) {
		t.Errorf("as nobody: %d bytes, %v", len(got), err)
	}

	index := tcindex.New(d.Credentials(), d.RootURL)
	_, err := index.InsertTask("some.name.space", &tcindex.InsertTaskRequest{
		TaskID: d.taskID, Rank: 1, Data: json.RawMessage(`{}`), Expires: tcclient.Time(time.Now().Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.get(t, fetch.Content{Namespace: "some.name.space", Artifact: "private/s3"}, d.root); err != nil || got != string(data) {
		t.Errorf("indexed: %d bytes, %v", len(got), err)
	}
}

// TestArtifactsThatCannotBeHad: the error says what to do.
func TestArtifactsThatCannotBeHad(t *testing.T) {
	d := deploy(t)
	d.upload(t, "private/s3", []byte("x"), nil)
	d.create(t, "public/error", tc.Artifact{StorageType: "error", Reason: "file-missing-on-worker", Message: "there was no such file"})
	for name, c := range map[string]struct {
		content fetch.Content
		source  tc.Source
		want    string
	}{
		"no artifact": {fetch.Content{TaskID: d.taskID, Artifact: "public/none"}, d.root, "it must be of the last run of that task, and not have expired"},
		"no task":     {fetch.Content{TaskID: slugid.Nice(), Artifact: "public/none"}, d.root, "404 ResourceNotFound"},
		"no scope":    {fetch.Content{TaskID: d.taskID, Artifact: "private/s3"}, tc.Anonymous(), ": the task that wants it needs the scope queue:get-artifact:private/s3: add it to task.scopes"},
		"error":       {fetch.Content{TaskID: d.taskID, Artifact: "public/error"}, d.root, "could not make it: file-missing-on-worker: there was no such file"},
		"no index":    {fetch.Content{Namespace: "a.b", Artifact: "public/x"}, d.root, "nothing is indexed there: check the namespace"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := d.get(t, c.content, c.source); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	_, err := d.get(t, fetch.Content{TaskID: d.taskID, Artifact: "private/s3"}, tc.Anonymous())
	if text := fmt.Sprint(err); strings.Contains(text, "`") || strings.Contains(text, "sufficient") {
		t.Errorf("the queue's own text is told: %s", text)
	}
	f := fetch.New(d.calls, d.client, quick())
	secretive := fetch.Content{TaskID: d.taskID, Artifact: "private/s3"}
	if err := f.Allowed(t.Context(), secretive, fetch.Access{Credentials: d.root}); err != nil {
		t.Error(err)
	}
	if err := f.Allowed(t.Context(), secretive, fetch.Access{}); tc.Status(err) != http.StatusForbidden {
		t.Error(err)
	}
}

// storage is a deployment with one artifact, each of whose URLs is good until a test says otherwise.
type storage struct {
	*server
	located atomic.Int32
	reply   func(n int32) string
	data    func(w http.ResponseWriter, r *http.Request, version string)
}

func store(t *testing.T, object bool, data func(w http.ResponseWriter, r *http.Request, version string)) *storage {
	t.Helper()
	s := &storage{data: data}
	s.server = serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		url := func() string { return fmt.Sprintf("%s/data?signature=s3cret%d", s.URL, s.located.Add(1)) }
		switch {
		case strings.Contains(r.URL.Path, "/artifact-content/") && object:
			_, _ = io.WriteString(w, `{"storageType":"object","name":"t/T/0/a b","credentials":{"clientId":"c","accessToken":"t0ken","certificate":"{}"}}`)
		case strings.Contains(r.URL.Path, "/artifact-content/"):
			_, _ = fmt.Fprintf(w, `{"storageType":"s3","url":%q}`, url())
		case strings.HasSuffix(r.URL.EscapedPath(), "/start-download/t%2FT%2F0%2Fa%20b"):
			_, _ = fmt.Fprintf(w, s.reply(s.located.Load()), url())
		default:
			s.data(w, r, r.URL.Query().Get("signature")[len("s3cret"):])
		}
	})
	return s
}

// fetcher has a clock that goes on by a minute and a second with each look.
func (s *storage) fetcher() *fetch.Fetcher {
	f := s.server.fetcher()
	var looks atomic.Int64
	began := time.Now()
	f.Now = func() time.Time { return began.Add(time.Duration(looks.Add(1)) * 61 * time.Second) }
	return f
}

// TestExpiredURL: one that is refused after a while is asked for anew, and the transfer goes on.
func TestExpiredURL(t *testing.T) {
	data := random(600_000)
	for _, status := range []int{http.StatusForbidden, http.StatusUnauthorized, http.StatusBadRequest} {
		s := store(t, false, func(w http.ResponseWriter, r *http.Request, version string) {
			switch {
			case version != "1":
				part(w, r, data, `"v1"`, 1<<30)
			case r.Header.Get("Range") == "":
				part(w, r, data, `"v1"`, 300_000)
			default:
				w.WriteHeader(status)
			}
		})
		got, _, err := get(t, s.fetcher(), fetch.Content{TaskID: "T", Artifact: "a b"}, &lines{})
		if err != nil || !bytes.Equal(got, data) || s.located.Load() != 2 {
			t.Errorf("%d: %d bytes, %v", status, len(got), err)
		}
		if last := s.requests()[len(s.requests())-1]; last.Header.Get("Range") != "bytes=300000-" {
			t.Errorf("%d: the last request: %v", status, last.Header)
		}
	}
}

// TestFreshURLThatIsRefused is not asked for again and again.
func TestFreshURLThatIsRefused(t *testing.T) {
	s := store(t, false, func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusForbidden) })
	_, _, err := get(t, s.server.fetcher(), fetch.Content{TaskID: "T", Artifact: "a b"}, &lines{})
	if err == nil || s.located.Load() != 1 || !strings.Contains(err.Error(), "403 Forbidden: the storage does not give the artifact's data") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v, located %d times", err, s.located.Load())
	}
}

// TestObjectHashes: those that are known must be right, and one of them must be known.
func TestObjectHashes(t *testing.T) {
	data := []byte("data")
	const sum512 = "77c7ce9a5d86bb386d443bb96390faa120633158699c8844c30b13ab0bf92760b7e4416aea397db91b4ac0e5dd56b8ef7e4b066162ab1fdc088319ce6defc876"
	good, bad := fetch.Sum(data), fetch.Sum(nil)
	for name, c := range map[string]struct{ hashes, want string }{
		"both":         {`"sha256":"` + good + `","sha512":"` + sum512 + `"`, ""},
		"upper case":   {`"sha256":"` + strings.ToUpper(good) + `"`, ""},
		"one":          {`"sha512":"` + sum512 + `","md5":"x"`, ""},
		"wrong sha256": {`"sha256":"` + bad + `","sha512":"` + sum512 + `"`, "its sha256 is " + good},
		"wrong sha512": {`"sha256":"` + good + `","sha512":"` + good + `"`, "its sha512 is " + sum512},
		"none":         {`"md5":"x"`, "neither its sha256 nor its sha512"},
	} {
		t.Run(name, func(t *testing.T) {
			s := store(t, true, func(w http.ResponseWriter, _ *http.Request, _ string) { _, _ = w.Write(data) })
			s.reply = func(int32) string {
				return `{"method":"getUrl","url":%q,"expires":"2100-01-01T00:00:00.000Z","hashes":{` + c.hashes + `}}`
			}
			_, _, err := get(t, s.server.fetcher(), fetch.Content{TaskID: "T", Artifact: "a b"}, &lines{})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if errors.Is(err, fetch.ErrMismatch) != strings.HasPrefix(name, "wrong") {
				t.Error(err)
			}
		})
	}
}

// TestObjectURLThatHasExpired is not even tried.
func TestObjectURLThatHasExpired(t *testing.T) {
	data := random(600_000)
	s := store(t, true, func(w http.ResponseWriter, r *http.Request, version string) {
		part(w, r, data, `"v1"`, map[string]int{"1": 300_000, "2": 1 << 30}[version])
	})
	s.reply = func(n int32) string {
		return `{"url":%q,"expires":"` + []string{"2000", "2100"}[min(n, 1)] + `-01-01T00:00:00.000Z","hashes":{"sha256":"` + fetch.Sum(data) + `"}}`
	}
	got, _, err := get(t, s.server.fetcher(), fetch.Content{TaskID: "T", Artifact: "a b"}, &lines{})
	if err != nil || !bytes.Equal(got, data) || s.located.Load() != 2 {
		t.Errorf("%d bytes, %v, located %d times", len(got), err, s.located.Load())
	}
}

// TestServicesThatAreDown: the services' own policy bounds the patience, and the context ends it.
func TestServicesThatAreDown(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadGateway) })
	for _, c := range []fetch.Content{{TaskID: "T", Artifact: "a"}, {Namespace: "n", Artifact: "a"}} {
		if _, _, err := get(t, s.fetcher(), c, &lines{}); tc.Status(err) != http.StatusBadGateway || !strings.Contains(err.Error(), c.String()) {
			t.Error(err)
		}
	}
	patient := fetch.New(tc.New(s.URL, s.Client(), retry.Policy{Initial: time.Hour}), s.Client(), quick())
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the task was cancelled")
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	if _, err := patient.Start(ctx, fetch.Content{TaskID: "T", Artifact: "a"}, fetch.Access{}, filepath.Join(t.TempDir(), "f")); !errors.Is(err, why) {
		t.Error(err)
	}
}
