package artifact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/localtest"
)

// TestAgainstTheServices uploads to taskcluster-local and downloads again, for both storage types.
func TestAgainstTheServices(t *testing.T) {
	server := localtest.Start(t)
	client := tc.NewHTTP()
	t.Cleanup(client.CloseIdleConnections)
	policy := retry.Policy{Total: 5 * time.Second}
	calls := tc.New(server.RootURL, client, policy)
	root := tc.Fixed(tc.Credentials{ClientID: server.ClientID, AccessToken: secret.New(server.AccessToken)})
	for _, objects := range []tc.Objects{nil, calls.Objects()} {
		taskID := server.CreateTask(t, "test/pool", json.RawMessage(`{}`))
		claims, err := calls.Work(root, tc.WorkerName{Pool: "test/pool", Group: "g", ID: "w"}).Claim(t.Context(), 1)
		if err != nil || len(claims) != 1 {
			t.Fatalf("claims %v, %v", claims, err)
		}
		queue := calls.Run(tc.Fixed(claims[0].Credentials), taskID, 0)
		u := &artifact.Uploader{HTTP: client, Objects: objects, Policy: policy, Now: time.Now}
		for name, size := range map[string]int{"public/empty": 0, "public/small+file%1.txt": 100, "public/ünï": 10, "public/limit": 8192, "public/large": 3 << 20} {
			content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			err := u.Upload(t.Context(), queue, slog.New(slog.DiscardHandler), artifact.Data{
				Name: name, ContentType: "text/plain", Expires: time.Now().Add(time.Hour), Size: int64(size), Length: int64(size),
				Open: func() (io.ReadCloser, error) { return os.Open(path) },
			})
			if objects != nil && name == "public/ünï" {
				if !errors.Is(err, artifact.ErrName) {
					t.Errorf("a name that no object may have: %v", err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			url, err := calls.Tasks(tc.Anonymous()).ArtifactURL(taskID, 0, name, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if got := download(t, name, url); !bytes.Equal(got, content) {
				t.Errorf("%s: %d bytes came back", name, len(got))
			}
		}
	}
}

func download(t *testing.T, name, url string) []byte {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", name, reply.Status, err)
	}
	return data
}
