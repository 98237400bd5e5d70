package azure_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
)

// now is the time on the metadata services' clock.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

const launchConfig = `{
	"location": "westeurope", "subnetId": "/subscriptions/s/subnets/default", "zones": ["2"], "priority": "Spot",
	"hardwareProfile": {"vmSize": "Standard_D2s_v3"}, "capacityPerInstance": 2,
	"storageProfile": {"osDisk": {}, "imageReference": {"id": "/images/worker", "sku": "22_04-lts"}},
	"tags": {"team": "build"}, "workerConfig": {"shutdown": {"enabled": true}},
	"workerManager": {"launchConfigId": "lc-1", "capacityPerInstance": 3, "publicIp": true}
}`

const armConfig = `{
	"armDeployment": {"mode": "Incremental", "template": {}, "parameters": {
		"location": {"value": "eastus"}, "vmSize": {"value": "Standard_F4"}, "priority": {"value": "Spot"}}},
	"workerConfig": {}
}`

// pool is the config of a pool with the launch configs.
func pool(launchConfigs ...string) json.RawMessage {
	return json.RawMessage(`{"minCapacity": 0, "maxCapacity": 5, "launchConfigs": [` + strings.Join(launchConfigs, ",") + `]}`)
}

func cloud() *azure.Cloud { return azure.New(rand.NewChaCha8([32]byte{})) }

func order(config json.RawMessage) clouds.Order {
	return clouds.Order{
		RootURL: "https://tc.example.com", ProviderID: "azure-1", WorkerPoolID: "proj/linux", Config: config, Now: now,
	}
}

// launch launches a machine and decodes its record.
func launch(t *testing.T, c *azure.Cloud, config json.RawMessage) (clouds.Machine, azure.Record) {
	t.Helper()
	if err := c.ValidateConfig(config); err != nil {
		t.Fatal(err)
	}
	m, err := c.Launch(order(config))
	if err != nil {
		t.Fatal(err)
	}
	var r azure.Record
	if err := json.Unmarshal(m.Record, &r); err != nil {
		t.Fatal(err)
	}
	return m, r
}

// serve serves the metadata of a machine with the record.
func serve(t *testing.T, c *azure.Cloud, r azure.Record, clock func() time.Time) *azure.Service {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Serve(raw, clouds.Settings{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*azure.Service)
}

func fixed() time.Time { return now }

// call calls a service; header is "Name: value", "" for none but Metadata.
func call(t *testing.T, s http.Handler, method, target, body string, headers ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if headers == nil {
		headers = []string{"Metadata: true"}
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	data, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(data)
}

// get decodes the reply to a GET that must succeed.
func get(t *testing.T, s http.Handler, target string, into any) {
	t.Helper()
	status, body := call(t, s, http.MethodGet, target, "")
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", target, status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("GET %s: %v", target, err)
	}
}
