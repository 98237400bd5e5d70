package workermanager_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/api/apitest"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	"github.com/workerkit/workerkit/local/clouds/gce"
	"github.com/workerkit/workerkit/local/workermanager"
)

// TestWhatIsMissingIsNamed: whoever writes a pool by hand learns at once what it lacks.
func TestWhatIsMissingIsNamed(t *testing.T) {
	a := apitest.New(t)
	server := workermanager.New(workermanager.Deps{
		Store: a.Store, Issuer: a, Clock: a.Now, Logger: a.Logger,
		Provisioning: workermanager.Provisioning{
			Clouds: map[string]clouds.Cloud{"ec2": ec2.New(rand.Reader), "gce": gce.New(rand.Reader), "azure": azure.New(rand.Reader)},
			Host:   &fakeHost{records: map[string]string{}}, Queue: &fakeQueue{active: map[string]time.Time{}}, RootURL: a.RootURL, Every: time.Hour,
		},
	})
	a.Add(server.Service())
	for provider, inLaunchConfig := range map[string]string{"ec2": "region is missing", "gce": "machineType is missing", "azure": "location"} {
		body := poolBody(map[string]any{"minCapacity": 1, "launchConfigs": []any{map[string]any{}}})
		body["providerId"] = provider
		reply := a.Do(poolCall("createWorkerPool", "demo/pool", body))
		text := string(reply.Body)
		if reply.Status != http.StatusBadRequest || !strings.Contains(text, "maxCapacity") || strings.Contains(text, "greater") || !strings.Contains(text, inLaunchConfig) {
			t.Errorf("%s: %d %s", provider, reply.Status, text)
		}
		body["config"] = map[string]any{"minCapacity": 0, "maxCapacity": 1, "launchConfigs": []any{}, "workerConfig": map[string]any{}}
		reply = a.Do(poolCall("createWorkerPool", "demo/pool", body))
		if text := string(reply.Body); reply.Status != http.StatusBadRequest || !strings.Contains(text, "workerConfig belongs in each entry of launchConfigs") {
			t.Errorf("%s: %d %s", provider, reply.Status, text)
		}
	}
}
