//go:build unix

package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fakes "github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	"github.com/workerkit/workerkit/local/clouds/host"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/packer/record"
)

// TestPrunePools: what a worker pool has stays, and without a deployment nothing goes on.
func TestPrunePools(t *testing.T) {
	y := newYard(t)
	id := y.image(t, "1")
	y.built(t, "1", record.Artifact{Region: frankfurt, ID: id})
	if _, said := y.run(t, exitFailed, "prune"); !strings.Contains(said, "TASKCLUSTER_ROOT_URL") || !strings.Contains(said, "--no-pools") || strings.Count(said, "\n") != 1 {
		t.Errorf("without a deployment:\n%s", said)
	}
	program, err := os.Executable() // no machine is ever started
	if err != nil {
		t.Fatal(err)
	}
	deployment := localtest.Start(t, localtest.Clouds(map[string]fakes.Cloud{"aws": ec2.New(rand.Reader)},
		host.Options{StartWorker: program, GenericWorker: program}))
	t.Setenv("TASKCLUSTER_ROOT_URL", deployment.RootURL)
	t.Setenv("TASKCLUSTER_CLIENT_ID", deployment.ClientID)
	t.Setenv("TASKCLUSTER_ACCESS_TOKEN", deployment.AccessToken)
	manager, err := workerManager()
	if err != nil {
		t.Fatal(err)
	}
	pool := fmt.Sprintf(`{"providerId":"aws","description":"","owner":"o@example.com","emailOnError":false,
		"config":{"minCapacity":0,"maxCapacity":1,"launchConfigs":[{"region":%q,"launchConfig":{"ImageId":%q}}]}}`, frankfurt, id)
	if err := manager.Create(t.Context(), "proj/linux", json.RawMessage(pool)); err != nil {
		t.Fatal(err)
	}
	out, _ := y.run(t, exitFine, "prune", "--keep", "0", "--older-than", "0s", "--yes")
	if !strings.Contains(out, "keep: pool proj/linux uses it") || !strings.Contains(y.ids(), id) {
		t.Errorf("a pool's image:\n%s", out)
	}
	// and what it had, where that is kept in another folder than the usual one
	kept := filepath.Join(t.TempDir(), "kept", "proj", "linux")
	if err := os.MkdirAll(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	former := `{"workerPoolId":"proj/linux",` + pool[1:]
	if err := os.WriteFile(filepath.Join(kept, "20260101T000000.000Z.json"), []byte(former), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := manager.Update(t.Context(), "proj/linux", json.RawMessage(strings.ReplaceAll(pool, id, "ami-other"))); err != nil {
		t.Fatal(err)
	}
	out, _ = y.run(t, exitFine, "prune", "--keep", "0", "--older-than", "0s", "--keep-folder", filepath.Dir(filepath.Dir(kept)))
	if !strings.Contains(out, "keep: pool proj/linux (rolled back) uses it") {
		t.Errorf("the image that a rollback would need:\n%s", out)
	}
}
