package object_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/object"
	"github.com/workerkit/workerkit/local/store"
)

const (
	name      = "t/CubKWtqJQsiWzB6im_lhYg/0/public/obj.txt"
	projectID = "none"
)

func start(t *testing.T) (*apitest.Env, *object.Server) {
	t.Helper()
	env := apitest.New(t)
	blobs, err := blob.Open(filepath.Join(t.TempDir(), "blobs"), blob.Options{Clock: env.Now, RootURL: env.RootURL})
	if err != nil {
		t.Fatal(err)
	}
	s := object.New(object.Deps{Store: env.Store, Blobs: blobs, Clock: env.Now, Logger: env.Logger})
	env.Add(s.Service())
	env.Handle(blob.PathPrefix, blobs.Handler())
	return env, s
}

// upload is a createUpload with the fields that the tests change.
type upload struct {
	name, id string
	expires  time.Duration
	hashes   map[string]string
	inline   string // "" proposes no inline data
	put      string // "" proposes no PUT
}

func create(env *apitest.Env, u upload) apitest.Call {
	proposed := map[string]any{}
	if u.inline != "" {
		proposed["dataInline"] = map[string]any{
			"contentType": "text/plain", "objectData": base64.StdEncoding.EncodeToString([]byte(u.inline)),
		}
	}
	if u.put != "" {
		proposed["putUrl"] = map[string]any{"contentType": "text/plain", "contentLength": len(u.put)}
	}
	body := map[string]any{
		"projectId": projectID, "uploadId": u.id, "expires": env.Now().Add(u.expires), "proposedUploadMethods": proposed,
	}
	if u.hashes != nil {
		body["hashes"] = u.hashes
	}
	return apitest.Call{Method: "object.createUpload", Args: []string{u.name}, Body: body}
}

func finish(uploadID string, hashes map[string]string) apitest.Call {
	body := map[string]any{"projectId": projectID, "uploadId": uploadID}
	if hashes != nil {
		body["hashes"] = hashes
	}
	return apitest.Call{Method: "object.finishUpload", Args: []string{name}, Body: body}
}

func download(methods ...string) apitest.Call {
	accept := map[string]bool{}
	for _, m := range methods {
		accept[m] = true
	}
	return apitest.Call{Method: "object.startDownload", Args: []string{name}, Body: map[string]any{"acceptDownloadMethods": accept}}
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET: %s %v %s", response.Status, err, body)
	}
	return string(body)
}

// put sends data as createUpload's reply says.
func put(t *testing.T, url string, headers map[string]string, data string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range headers {
		request.Header.Set(key, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

type method struct {
	UploadMethod struct {
		DataInline bool
		PutURL     *struct {
			URL     string
			Expires time.Time
			Headers map[string]string
		}
	}
}

func TestPutURLRoundTrip(t *testing.T) {
	env, _ := start(t)
	const data = "the data\n"
	id := slugid.V4()
	var got method
	env.OK(create(env, upload{name: name, id: id, expires: time.Hour, put: data}), &got)
	p := got.UploadMethod.PutURL
	if p == nil || p.Headers["Content-Type"] != "text/plain" || p.Headers["Content-Length"] != "9" || p.Headers["Content-Encoding"] != "identity" {
		t.Fatalf("got %+v", p)
	}
	if !p.Expires.Equal(env.Now().Add(45 * time.Minute)) {
		t.Errorf("the URL expires at %v", p.Expires)
	}
	if reply := env.Do(finish(id, nil)); reply.Status != http.StatusConflict {
		t.Errorf("finished without data: %d", reply.Status)
	}
	if status := put(t, p.URL, p.Headers, data+"more"); status != http.StatusForbidden {
		t.Errorf("PUT of another length: %d, want 403", status)
	}
	if status := put(t, p.URL, p.Headers, data); status != http.StatusOK {
		t.Fatalf("PUT: %d", status)
	}
	if reply := env.Do(download("getUrl")); reply.Status != http.StatusNotFound {
		t.Errorf("download before finishUpload: %d, want 404", reply.Status)
	}
	env.OK(finish(id, map[string]string{"sha256": sha(data)}), nil)
	env.OK(finish(id, map[string]string{"sha256": sha(data)}), nil) // idempotent

	var down struct {
		Method, URL string
		Expires     time.Time
		Hashes      map[string]string
	}
	env.OK(download("getUrl", "simple"), &down)
	if down.Method != "getUrl" || down.Hashes["sha256"] != sha(data) || !down.Expires.After(env.Now()) {
		t.Errorf("got %+v", down)
	}
	if body := fetch(t, down.URL); body != data {
		t.Errorf("downloaded %q", body)
	}
}

func TestInlineDataWinsAndIsServed(t *testing.T) {
	env, s := start(t)
	id := slugid.V4()
	var got method
	env.OK(create(env, upload{name: name, id: id, expires: time.Hour, inline: "hi", put: "hi"}), &got)
	if !got.UploadMethod.DataInline || got.UploadMethod.PutURL != nil {
		t.Errorf("chose %+v", got.UploadMethod)
	}
	checkFinished(t, env, s, id, false)
	env.OK(finish(id, nil), nil)
	checkFinished(t, env, s, id, true)
	checkFinished(t, env, s, slugid.V4(), false)

	var down map[string]string
	env.OK(download("simple"), &down)
	if down["method"] != "simple" || fetch(t, down["url"]) != "hi" {
		t.Errorf("got %v", down)
	}
	redirect := env.Do(apitest.Call{Method: "object.download", Args: []string{name}, Scopes: []string{"object:download:" + name}})
	if redirect.Status != http.StatusSeeOther || fetch(t, redirect.Location) != "hi" {
		t.Errorf("download: %d", redirect.Status)
	}
	if reply := env.Do(download()); reply.Status != http.StatusNotAcceptable {
		t.Errorf("no acceptable method: %d, want 406", reply.Status)
	}
}

func checkFinished(t *testing.T, env *apitest.Env, s *object.Server, id string, want bool) {
	t.Helper()
	got, err := store.Read(t.Context(), env.Store, func(tx *store.Tx) (bool, error) { return s.Finished(tx, name, id) })
	if err != nil || got != want {
		t.Errorf("Finished: %v, %v; want %v", got, err, want)
	}
}

func TestEmptyInlineDataBesideAPutMeansThePut(t *testing.T) {
	env, _ := start(t)
	for length, wantInline := range map[int]bool{3: false, 0: true} {
		call := create(env, upload{name: name, id: slugid.V4(), expires: time.Hour})
		call.Args = []string{fmt.Sprint("object-", length)}
		call.Body.(map[string]any)["proposedUploadMethods"] = map[string]any{
			"dataInline": map[string]any{"contentType": "", "objectData": ""},
			"putUrl":     map[string]any{"contentType": "text/plain", "contentLength": length},
		}
		var got method
		env.OK(call, &got)
		if got.UploadMethod.DataInline != wantInline || (got.UploadMethod.PutURL == nil) != wantInline {
			t.Errorf("%d bytes: chose %+v", length, got.UploadMethod)
		}
	}
}

func TestHashesMayBeAddedAndNeverChanged(t *testing.T) {
	env, _ := start(t)
	id := slugid.V4()
	u := upload{name: name, id: id, expires: time.Hour, inline: "hi", hashes: map[string]string{"sha256": sha("hi")}}
	env.OK(create(env, u), nil)
	u.hashes = map[string]string{"sha256": sha("ho")}
	if reply := env.Do(create(env, u)); reply.Status != http.StatusConflict {
		t.Errorf("createUpload with another sha256: %d", reply.Status)
	}
	if reply := env.Do(finish(id, u.hashes)); reply.Status != http.StatusConflict {
		t.Errorf("finishUpload with another sha256: %d", reply.Status)
	}
	sha512 := strings.Repeat("0123456789abcdef", 8)
	env.OK(finish(id, map[string]string{"sha512": sha512}), nil)
	var meta struct {
		ProjectID string
		Hashes    map[string]string
	}
	env.OK(apitest.Call{Method: "object.object", Args: []string{name}}, &meta)
	if meta.ProjectID != projectID || meta.Hashes["sha256"] != sha("hi") || meta.Hashes["sha512"] != sha512 {
		t.Errorf("got %+v", meta)
	}
}

func TestTheUploadIDHoldsTheName(t *testing.T) {
	env, _ := start(t)
	id := slugid.V4()
	first := upload{name: name, id: id, expires: time.Hour}
	var none method
	env.OK(create(env, first), &none)
	if none.UploadMethod.DataInline || none.UploadMethod.PutURL != nil {
		t.Errorf("nothing proposed, but %+v", none)
	}
	for what, u := range map[string]upload{
		"another uploadId":   {name: name, id: slugid.V4(), expires: time.Hour, inline: "x"},
		"another expiration": {name: name, id: id, expires: 2 * time.Hour, inline: "x"},
	} {
		if reply := env.Do(create(env, u)); reply.Status != http.StatusConflict {
			t.Errorf("%s: %d, want 409", what, reply.Status)
		}
	}
	first.inline = "x"
	env.OK(create(env, first), nil)
	if reply := env.Do(finish(slugid.V4(), nil)); reply.Status != http.StatusConflict {
		t.Errorf("finishUpload with another uploadId: %d", reply.Status)
	}
	env.OK(finish(id, nil), nil)
	if reply := env.Do(create(env, first)); reply.Status != http.StatusConflict {
		t.Errorf("createUpload of a finished object: %d", reply.Status)
	}
}

func TestExpiry(t *testing.T) {
	env, s := start(t)
	past := create(env, upload{name: name, id: slugid.V4(), expires: -time.Hour})
	if reply := env.Do(past); reply.Status != http.StatusBadRequest {
		t.Errorf("an object of the past: %d", reply.Status)
	}
	id := slugid.V4()
	env.OK(create(env, upload{name: name, id: id, expires: time.Hour, inline: "x"}), nil)
	env.OK(finish(id, nil), nil)
	env.OK(create(env, upload{name: "unfinished", id: id, expires: 1000 * time.Hour}), nil)
	var down map[string]any
	env.OK(download("getUrl"), &down)

	env.Advance(time.Hour)
	if reply := env.Do(download("getUrl")); reply.Status != http.StatusNotFound {
		t.Errorf("expired: %d, want 404", reply.Status)
	}
	env.Advance(24 * time.Hour)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Both names are free again.
	for _, n := range []string{name, "unfinished"} {
		env.OK(create(env, upload{name: n, id: slugid.V4(), expires: time.Hour}), nil)
	}
	if reply := env.Do(finish(id, nil)); reply.Status != http.StatusConflict {
		t.Errorf("the former upload still counts: %d", reply.Status)
	}
}

func TestScopesNameProjectAndObject(t *testing.T) {
	env, _ := start(t)
	call := create(env, upload{name: name, id: slugid.V4(), expires: time.Hour, inline: "x"})
	for scope, want := range map[string]int{
		"object:upload:other:" + name: http.StatusForbidden,
		"object:upload:none:t/other":  http.StatusForbidden,
		"object:upload:none:" + name:  http.StatusOK,
	} {
		call.Scopes = []string{scope}
		if reply := env.Do(call); reply.Status != want {
			t.Errorf("with %s: %d, want %d", scope, reply.Status, want)
		}
	}
}
