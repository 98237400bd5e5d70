package launch_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/swaptest"
)

// rendered are the keys that only the runner knows, from one of the public runner's own files.
func identityOf(t *testing.T, want map[string]any) (providers.Identity, tc.Credentials) {
	t.Helper()
	var location map[string]string
	if err := json.Unmarshal([]byte(want["workerLocation"].(string)), &location); err != nil {
		t.Fatal(err)
	}
	metadata, _ := want["workerTypeMetadata"].(map[string]any)
	if want["publicIP"] != nil && metadata["public-ipv4"] == nil {
		metadata = nil // the static sample sets it in the pool's config
	}
	return providers.Identity{
			RootURL: want["rootURL"].(string), WorkerPoolID: want["provisionerId"].(string) + "/" + want["workerType"].(string),
			WorkerGroup: want["workerGroup"].(string), WorkerID: want["workerId"].(string), Location: location, Metadata: metadata,
		}, tc.Credentials{
			ClientID: want["clientId"].(string), AccessToken: secret.New(want["accessToken"].(string)), Certificate: secret.New(want["certificate"].(string)),
		}
}

// TestRenderAsThePublicRunner takes apart what the public runner rendered on a real deployment
// and renders it again.
func TestRenderAsThePublicRunner(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "taskcluster", "samples", "rendered-configs.txt"))
	if err != nil {
		t.Skip("the samples of a real deployment are not beside the repository:", err)
	}
	n := 0
	for sample := range strings.SplitSeq(string(data), "\n// ") {
		_, text, ok := strings.Cut(sample, "\n")
		if !ok || !strings.HasPrefix(text, "{") {
			continue
		}
		n++
		var want map[string]any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		id, creds := identityOf(t, want)
		own := []string{"accessToken", "certificate", "clientId", "provisionerId", "workerType", "rootURL", "workerGroup", "workerId",
			"workerLocation", "workerTypeMetadata", "privateIP", "instanceType", "instanceID", "region", "availabilityZone"}
		merged := map[string]any{}
		maps.Copy(merged, want)
		for _, key := range own {
			delete(merged, key)
		}
		got, err := launch.Render(merged, id, creds)
		if err != nil {
			t.Fatal(err)
		}
		if instance, ok := want["instanceID"]; ok { // a spelling that the public worker loses
			delete(want, "instanceID")
			want["instanceId"] = instance
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", id.Location["cloud"], diff)
		}
		accepted(t, got)
	}
	if n != 4 {
		t.Errorf("%d samples", n)
	}
}

// accepted checks that the public worker takes the config.
func accepted(t *testing.T, rendered map[string]any) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worker.json")
	if err := launch.WriteConfig(path, rendered); err != nil {
		t.Fatal(err)
	}
	c, code, err := swaptest.LoadConfig(path)
	if err != nil {
		t.Errorf("the public worker exits with %d: %v", code, err)
	}
	if want, _ := rendered["instanceId"].(string); c.InstanceID != want {
		t.Errorf("instance %q, want %q", c.InstanceID, want)
	}
}

func TestRenderMergesMetadataAndDropsForeignCertificates(t *testing.T) {
	merged := map[string]any{
		"certificate": "of other credentials", "workerGroup": "not yours to choose",
		"workerTypeMetadata": map[string]any{"image": "mine", "keep": true},
	}
	id := providers.Identity{WorkerPoolID: "a/b", WorkerGroup: "g", Metadata: map[string]any{"image": "theirs", "zone": "z"}}
	got, err := launch.Render(merged, id, tc.Credentials{ClientID: "c", AccessToken: secret.New("t")})
	if err != nil {
		t.Fatal(err)
	}
	if _, there := got["certificate"]; there || got["workerGroup"] != "g" {
		t.Errorf("rendered %v", got)
	}
	if diff := cmp.Diff(map[string]any{"image": "theirs", "keep": true, "zone": "z"}, got["workerTypeMetadata"]); diff != "" {
		t.Error(diff)
	}
	if merged["workerGroup"] != "not yours to choose" || len(merged["workerTypeMetadata"].(map[string]any)) != 2 {
		t.Error("the layers were changed")
	}
}
