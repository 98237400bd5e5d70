package queue_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/local/api/apitest"
)

func createArtifact(id, name string, body object) apitest.Call {
	return apitest.Call{Method: "queue.createArtifact", Args: []string{id, "0", name}, Body: body}
}

// hours is a time that many hours from now, as text.
func (f fixture) hours(n int) string { return stamp(f.Now().Add(time.Duration(n) * time.Hour)) }

// fetch makes a request without credentials.
func fetch(t *testing.T, method, url, contentType, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	data, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(data)
}

func TestS3Artifact(t *testing.T) {
	for name, public := range map[string]bool{"public/a dir/b+c%.txt": true, "private/b.txt": false} {
		t.Run(name, func(t *testing.T) {
			f := start(t, shortPoll)
			id := f.running(nil)
			var upload struct{ StorageType, ContentType, Expires, PutURL string }
			f.OK(createArtifact(id, name, object{"storageType": "s3", "contentType": "text/plain", "contentLength": 5, "expires": f.hours(2)}), &upload)
			if upload.StorageType != "s3" || upload.ContentType != "text/plain" || upload.Expires != stamp(f.Now().Add(45*time.Minute)) {
				t.Errorf("reply %+v", upload)
			}
			if status, body := fetch(t, http.MethodPut, upload.PutURL, "text/plain", "hello"); status != 200 {
				t.Fatalf("PUT: %d %s", status, body)
			}
			for _, call := range []apitest.Call{
				{Method: "queue.getArtifact", Args: []string{id, "0", name}},
				{Method: "queue.getLatestArtifact", Args: []string{id, name}},
			} {
				call.Scopes = []string{"queue:get-artifact:" + name}
				reply := f.Do(call)
				if reply.Status != 303 || strings.Contains(reply.Location, "X-Amz-Signature") == public {
					t.Fatalf("%s: %d %s", call.Method, reply.Status, reply.Location)
				}
				if status, body := fetch(t, http.MethodGet, reply.Location, "", ""); status != 200 || body != "hello" {
					t.Errorf("GET: %d %s", status, body)
				}
				call.Scopes = []string{"queue:get-artifact:other/*"}
				f.refused(call, 403, "InsufficientScopes", "")
			}
			var content struct{ StorageType, URL string }
			f.OK(apitest.Call{Method: "queue.latestArtifact", Args: []string{id, name}}, &content)
			if status, body := fetch(t, http.MethodGet, content.URL, "", ""); content.StorageType != "s3" || status != 200 || body != "hello" {
				t.Errorf("content %+v: %d %s", content, status, body)
			}
			f.pass(2 * time.Hour)
			f.refused(apitest.Call{Method: "queue.artifact", Args: []string{id, "0", name}}, 404, "ResourceNotFound", "Artifact not found")
			if status, _ := fetch(t, http.MethodGet, content.URL, "", ""); status == 200 {
				t.Error("the bytes of an expired artifact are still there")
			}
		})
	}
}

func TestObjectArtifact(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(object{"projectId": "proj", "expires": f.hours(100)})
	type uploadReply struct {
		Name, ProjectID, UploadID, Expires string
		Credentials                        struct{ ClientID, Certificate string }
	}
	var upload, again uploadReply
	call := createArtifact(id, "public/o.txt", object{"storageType": "object", "contentType": "text/plain", "expires": f.hours(50)})
	f.OK(call, &upload)
	f.OK(call, &again)
	object1 := "t/" + id + "/0/public/o.txt"
	if upload.Name != object1 || upload.ProjectID != "proj" || upload.Expires != f.hours(50) || again.UploadID != upload.UploadID ||
		upload.Credentials.ClientID != "artifact-upload/"+id+"/0/on/g/w" {
		t.Errorf("%+v", upload)
	}
	var cert struct {
		Scopes []string
		Expiry int64
	}
	if err := json.Unmarshal([]byte(upload.Credentials.Certificate), &cert); err != nil {
		t.Fatal(err)
	}
	if cert.Scopes[0] != "object:upload:proj:"+object1 || cert.Expiry != f.Now().Add(24*time.Hour).UnixMilli() {
		t.Errorf("certificate %+v", cert)
	}

	info := apitest.Call{Method: "queue.latestArtifactInfo", Args: []string{id, "public/o.txt"}}
	f.refused(info, 404, "ResourceNotFound", "Artifact not found")
	finish := func(uploadID string) apitest.Call {
		return apitest.Call{Method: "queue.finishArtifact", Args: []string{id, "0", "public/o.txt"}, Body: object{"uploadId": uploadID}}
	}
	f.refused(finish(id), 400, "InputError", "Artifact has another uploadId")
	f.refused(finish(upload.UploadID), 400, "InputError", "The object "+object1+" is not uploaded and finished yet")
	f.uploaded[object1+" "+upload.UploadID] = true
	for range 2 {
		if reply := f.Do(finish(upload.UploadID)); reply.Status != 204 {
			t.Errorf("finishArtifact: %d %s", reply.Status, reply.Body)
		}
	}
	f.OK(info, nil)
	var content struct {
		Name        string
		Credentials struct{ ClientID, Certificate string }
	}
	f.OK(apitest.Call{Method: "queue.artifact", Args: []string{id, "0", "public/o.txt"}}, &content)
	if content.Name != object1 || content.Credentials.ClientID != "artifact-download/"+id+"/0/public/o.txt" ||
		!strings.Contains(content.Credentials.Certificate, `["object:download:`+object1+`"]`) {
		t.Errorf("%+v", content)
	}
	reply := f.Do(apitest.Call{Method: "queue.getArtifact", Args: []string{id, "0", "public/o.txt"}})
	if prefix := f.URL + "/api/object/v1/download/"; reply.Status != 303 || !strings.HasPrefix(reply.Location, prefix) || !strings.Contains(reply.Location, "bewit=") {
		t.Errorf("getArtifact: %d %s", reply.Status, reply.Location)
	}
}

func TestErrorReferenceAndLink(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(nil)
	target := "https://example.invalid/x"
	var created object
	for name, body := range map[string]object{
		"public/err":  {"storageType": "error", "reason": "file-missing-on-worker", "message": "no such file"},
		"public/ref":  {"storageType": "reference", "contentType": "text/plain", "url": target},
		"public/link": {"storageType": "link", "artifact": "secret/mid"},
		"secret/mid":  {"storageType": "link", "artifact": "public/ref", "contentType": "text/plain"},
		"public/loop": {"storageType": "link", "artifact": "public/loop"},
		"public/none": {"storageType": "link", "artifact": "public/nothing"},
	} {
		body["expires"] = f.hours(2)
		created = nil
		f.OK(createArtifact(id, name, body), &created)
		if diff := cmp.Diff(object{"storageType": body["storageType"]}, created); diff != "" {
			t.Error(diff)
		}
		f.refused(apitest.Call{Method: "queue.finishArtifact", Args: []string{id, "0", name}, Body: object{"uploadId": id}}, 400, "InputError", "")
	}
	get := func(method, name string, scopes ...string) apitest.Call {
		return apitest.Call{Method: "queue." + method, Args: []string{id, "0", name}, Scopes: scopes}
	}
	if reply := f.Do(get("getArtifact", "public/err")); reply.Status != 424 ||
		strings.TrimSpace(string(reply.Body)) != `{"reason":"file-missing-on-worker","message":"no such file"}` {
		t.Errorf("error artifact: %d %s", reply.Status, reply.Body)
	}
	var content object
	f.OK(get("artifact", "public/err"), &content)
	if content["storageType"] != "error" || content["reason"] != "file-missing-on-worker" {
		t.Errorf("content of an error artifact: %v", content)
	}
	scopes := []string{"queue:get-artifact:public/*", "queue:get-artifact:secret/*"}
	if reply := f.Do(get("getArtifact", "public/link", scopes...)); reply.Status != 303 || reply.Location != target {
		t.Errorf("link: %d %s", reply.Status, reply.Location)
	}
	content = nil
	f.OK(get("artifact", "public/link", scopes...), &content)
	if diff := cmp.Diff(object{"storageType": "reference", "url": target}, content); diff != "" {
		t.Error(diff)
	}
	f.refused(get("getArtifact", "public/link", scopes[0]), 403, "InsufficientScopes", "")
	f.refused(get("getArtifact", "public/loop"), 400, "InputError", "")
	f.refused(get("getArtifact", "public/none"), 404, "ResourceNotFound", "Artifact not found")
	content = nil
	f.OK(get("artifactInfo", "public/link"), &content)
	want := object{"storageType": "link", "name": "public/link", "expires": f.hours(2), "contentType": "application/binary"}
	if diff := cmp.Diff(want, content); diff != "" {
		t.Error(diff)
	}
}

// TestArtifactAgain: what may take the place of an artifact of the same name.
func TestArtifactAgain(t *testing.T) {
	s3 := func(contentType string, hours int) object {
		return object{"storageType": "s3", "contentType": contentType, "expires": hours}
	}
	reference := func(contentType, url string) object {
		return object{"storageType": "reference", "contentType": contentType, "url": url, "expires": 2}
	}
	link := func(to string) object { return object{"storageType": "link", "artifact": to, "expires": 2} }
	fault := func(message string) object {
		return object{"storageType": "error", "reason": "file-missing-on-worker", "message": message, "expires": 2}
	}
	for name, tc := range map[string]struct {
		first, second object
		ok            bool
	}{
		"the same":                {s3("a/b", 2), s3("a/b", 2), true},
		"later expiry":            {s3("a/b", 2), s3("a/b", 3), true},
		"earlier expiry":          {s3("a/b", 2), s3("a/b", 1), false},
		"other content type":      {s3("a/b", 2), s3("a/c", 2), false},
		"other storage type":      {s3("a/b", 2), reference("a/b", "https://x.invalid"), false},
		"reference, other URL":    {reference("a/b", "https://x.invalid"), reference("a/b", "https://y.invalid"), true},
		"reference, other type":   {reference("a/b", "https://x.invalid"), reference("a/c", "https://x.invalid"), false},
		"link for reference":      {reference("a/b", "https://x.invalid"), link("public/z"), true},
		"reference for link":      {link("public/z"), reference("a/b", "https://x.invalid"), false},
		"link for s3":             {s3("a/b", 2), link("public/z"), false},
		"same link":               {link("public/z"), link("public/z"), true},
		"link to something else":  {link("public/z"), link("public/y"), false},
		"same error":              {fault("m"), fault("m"), true},
		"error, other message":    {fault("m"), fault("n"), false},
		"error for a real upload": {s3("a/b", 2), fault("m"), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, shortPoll)
			id := f.running(nil)
			for _, body := range []object{tc.first, tc.second} {
				body["expires"] = f.hours(body["expires"].(int))
			}
			f.OK(createArtifact(id, "public/a", tc.first), nil)
			second := createArtifact(id, "public/a", tc.second)
			if tc.ok {
				f.OK(second, nil)
				var info object
				f.OK(apitest.Call{Method: "queue.artifactInfo", Args: []string{id, "0", "public/a"}}, &info)
				if info["storageType"] != tc.second["storageType"] || info["expires"] != tc.second["expires"] {
					t.Errorf("now it is %v", info)
				}
				return
			}
			reply := f.Do(second)
			if reply.Status != 409 || reply.Code != "RequestConflict" || !strings.HasPrefix(reply.Message, "Artifact already exists, with different type or later expiration\n") {
				t.Errorf("%d %s", reply.Status, reply.Message)
			}
		})
	}
}

// TestArtifactTiming: when an artifact may be created, and until when it may live.
func TestArtifactTiming(t *testing.T) {
	const resolved = "Artifacts cannot be created for a task after it is resolved, unless it is resolved 'exception', and even in this case only up to 25 min past resolution.This to ensure"
	body := func(expires string) object {
		return object{"storageType": "error", "reason": "file-missing-on-worker", "message": "x", "expires": expires}
	}
	for name, tc := range map[string]struct {
		prepare func(fixture, string)
		status  int
		message string
	}{
		"running":   {func(fixture, string) {}, 200, ""},
		"completed": {func(f fixture, id string) { f.call("reportCompleted", nil, id, "0") }, 409, resolved},
		"failed":    {func(f fixture, id string) { f.call("reportFailed", nil, id, "0") }, 409, resolved},
		"exception, 25 minutes ago": {func(f fixture, id string) {
			f.call("reportException", object{"reason": "malformed-payload"}, id, "0")
			f.pass(25 * time.Minute)
		}, 200, ""},
		"exception, longer ago": {func(f fixture, id string) {
			f.call("reportException", object{"reason": "malformed-payload"}, id, "0")
			f.pass(25*time.Minute + time.Second)
		}, 409, resolved},
		"canceled, with a new run": {func(f fixture, id string) {
			f.call("cancelTask", nil, id)
			f.call("rerunTask", nil, id)
		}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, shortPoll)
			id := f.running(nil)
			tc.prepare(f, id)
			reply := f.Do(createArtifact(id, "public/x", body(f.hours(1))))
			if reply.Status != tc.status || !strings.HasPrefix(reply.Message, tc.message) {
				t.Errorf("%d %s", reply.Status, reply.Message)
			}
			if tc.status == 409 && !strings.Contains(reply.Message, "\n\nTask status: {\n  \"taskId\": \""+id+"\",") {
				t.Errorf("the message does not show the status: %s", reply.Message)
			}
		})
	}
	f := start(t, shortPoll)
	id, expires := f.running(nil), f.hours(24)
	f.refused(createArtifact(id, "public/x", body(f.hours(25))), 400, "InputError",
		"Artifact expires ("+f.hours(25)+") after the task expiration "+expires+" (task.expires < expires) - this is not allowed, artifacts may not expire after the task they belong to expires")
	f.refused(createArtifact(id, "public/x", body(f.hours(-1))), 400, "InputError", "")
	f.OK(createArtifact(id, "public/x", body(expires)), nil)
	pending := f.create(nil)
	f.refused(createArtifact(pending, "public/x", body(f.hours(1))), 409, "RequestConflict", "")
	denied := createArtifact(id, "public/x", body(f.hours(1)))
	denied.Scopes = []string{"queue:create-artifact:" + id + "/1"}
	f.refused(denied, 403, "InsufficientScopes", "")
}

func TestListArtifacts(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(nil)
	for _, name := range []string{"public/b", "public/a", "public/c", "private/d"} {
		f.OK(createArtifact(id, name, object{"storageType": "s3", "contentType": "text/plain", "contentLength": 3, "expires": f.hours(1)}), nil)
	}
	f.OK(createArtifact(id, "public/unfinished", object{"storageType": "object", "contentType": "text/plain", "expires": f.hours(1)}), nil)
	type page struct {
		Artifacts         []object
		ContinuationToken string
	}
	var first, rest page
	f.OK(apitest.Call{Method: "queue.listLatestArtifacts", Args: []string{id}, Query: query("limit", "2")}, &first)
	f.OK(apitest.Call{Method: "queue.listArtifacts", Args: []string{id, "0"}, Query: query("continuationToken", first.ContinuationToken)}, &rest)
	got := []any{}
	for _, a := range append(first.Artifacts, rest.Artifacts...) {
		got = append(got, a["name"])
	}
	if diff := cmp.Diff([]any{"private/d", "public/a", "public/b", "public/c"}, got); diff != "" || len(first.Artifacts) != 2 {
		t.Errorf("pages of %d and %d: %s", len(first.Artifacts), len(rest.Artifacts), diff)
	}
	want := object{"storageType": "s3", "name": "private/d", "expires": f.hours(1), "contentType": "text/plain", "contentLength": 3.0}
	if diff := cmp.Diff(want, first.Artifacts[0]); diff != "" {
		t.Error(diff)
	}
	f.call("cancelTask", nil, id)
	f.call("rerunTask", nil, id)
	var none page
	f.OK(apitest.Call{Method: "queue.listLatestArtifacts", Args: []string{id}}, &none)
	if len(none.Artifacts) != 0 {
		t.Errorf("the new run has %v", none.Artifacts)
	}
	waiting := f.create(object{"dependencies": []string{id}})
	f.refused(apitest.Call{Method: "queue.listLatestArtifacts", Args: []string{waiting}}, 404, "ResourceNotFound", "Task `"+waiting+"` has no runs.")
}

// TestArtifactNames has the names at the limits of the schemas of replies.
func TestArtifactNames(t *testing.T) {
	f := start(t, shortPoll)
	id := f.running(nil)
	long := strings.Repeat("ü", 1024)
	for _, c := range []struct {
		storage, name string
		status        int
	}{
		{"s3", long, 200},
		{"s3", long + "ü", 400},
		{"s3", strings.Repeat("a", 40_000), 400},
		{"object", strings.Repeat("a", 1024), 200},
		{"object", "public/ü", 400},
		{"s3", "public/a\x00b", 400},
		{"s3", "public/a\nb", 400},
		{"s3", "public/a\x7fb", 400},
		{"s3", "public/a\xffb", 400},
	} {
		reply := f.Do(createArtifact(id, c.name, object{"storageType": c.storage, "contentType": "text/plain", "expires": f.hours(2)}))
		if reply.Status != c.status || c.status == 400 && reply.Code != "InputError" {
			t.Errorf("%s %.20q, %d bytes: %d %.200s", c.storage, c.name, len(c.name), reply.Status, reply.Body)
		}
	}
	var info struct{ Name string }
	f.OK(apitest.Call{Method: "queue.artifactInfo", Args: []string{id, "0", long}}, &info)
	if info.Name != long {
		t.Errorf("the longest name comes back as %q", info.Name)
	}
}
