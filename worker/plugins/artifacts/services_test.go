package artifacts_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/worker/plugins/artifacts"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

// TestAgainstTheServices: what a task leaves can be downloaded from taskcluster-local, whichever storage is used.
func TestAgainstTheServices(t *testing.T) {
	server := localtest.Start(t)
	client := tc.NewHTTP()
	t.Cleanup(client.CloseIdleConnections)
	calls := tc.New(server.RootURL, client, retry.Policy{Total: 5 * time.Second})
	root := tc.Fixed(tc.Credentials{ClientID: server.ClientID, AccessToken: secret.New(server.AccessToken)})
	text := strings.Repeat("a line of text\n", 100_000)
	for _, objects := range []tc.Objects{nil, calls.Objects()} {
		taskID := server.CreateTask(t, "test/pool", json.RawMessage(`{}`))
		claims, err := calls.Work(root, tc.WorkerName{Pool: "test/pool", Group: "g", ID: "w"}).Claim(t.Context(), 1)
		if err != nil || len(claims) != 1 {
			t.Fatalf("claims %v, %v", claims, err)
		}
		run := plugintest.NewRun(t, `{"artifacts": [{"type": "directory", "path": "out", "name": "public", "include": ["**/*.txt"]},
			{"type": "directory", "path": "out", "name": "public", "include": ["*.zst"], "contentEncoding": "zstd"},
			{"type": "file", "path": "out/same.bin", "name": "public/same.bin", "contentEncoding": "identity"}]}`)
		run.Run.Queue = calls.Run(tc.Fixed(claims[0].Credentials), taskID, 0)
		run.Definition.Expires = time.Now().Add(time.Hour) // before the task's
		run.Definition.Deadline = run.Definition.Expires.Add(-time.Minute)
		contents := map[string]string{"out/a.txt": text, "out/d/small.txt": "s", "out/packed.zst": text, "out/same.bin": text, "out/left.out": "x"}
		files(t, run.Dir, contents)
		u := &artifact.Uploader{HTTP: client, Objects: objects, Policy: retry.Policy{Total: 5 * time.Second}, Now: time.Now}
		if err := run.Life(t.Context(), artifacts.New(u), plugintest.Result{Dir: run.Dir}); err != nil {
			t.Fatal(err)
		}
		if log := run.TaskLog(t); !strings.Contains(log, "] Uploaded 4 artifacts, 4.3 MiB") {
			t.Errorf("the task's log: %s", log)
		}
		for name, path := range map[string]string{"public/a.txt": "out/a.txt", "public/d/small.txt": "out/d/small.txt", "public/packed.zst": "out/packed.zst", "public/same.bin": "out/same.bin"} {
			url, err := calls.Tasks(tc.Anonymous()).ArtifactURL(taskID, 0, name, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if got := download(t, url); got != contents[path] {
				t.Errorf("%s: %d bytes came back", name, len(got))
			}
		}
	}
}

// download gives what a browser would, which decodes.
func download(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "gzip, zstd")
	reply, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", reply.Status, err)
	}
	var decoded io.Reader = bytes.NewReader(data)
	switch reply.Header.Get("Content-Encoding") {
	case "gzip":
		decoded, err = gzip.NewReader(decoded)
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(decoded, zstd.WithDecoderConcurrency(1))
		decoded = z
		t.Cleanup(z.Close)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
