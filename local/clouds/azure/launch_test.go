package azure_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/local/clouds/azure"
)

func TestValidateConfig(t *testing.T) {
	c := cloud()
	for name, config := range map[string]json.RawMessage{
		"resources": pool(launchConfig), "template": pool(armConfig), "both": pool(launchConfig, armConfig),
		"lifecycle": json.RawMessage(`{"minCapacity": 0, "maxCapacity": 1, "scalingRatio": 0.5, "launchConfigs": [], "lifecycle": {"registrationTimeout": 60}}`),
	} {
		if err := c.ValidateConfig(config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c2 := range map[string]struct{ config, want string }{
		"no JSON":             {`{`, "not JSON"},
		"no launch configs":   {`{"minCapacity": 0, "maxCapacity": 1}`, "launchConfigs"},
		"unknown key":         {`{"minCapacity": 0, "maxCapacity": 1, "launchConfigs": [], "region": "x"}`, "region"},
		"no worker config":    {string(pool(strings.Replace(launchConfig, `"workerConfig"`, `"config"`, 1))), "workerConfig"},
		"no location":         {string(pool(strings.Replace(launchConfig, `"location"`, `"place"`, 1))), "location"},
		"an empty location":   {string(pool(strings.Replace(launchConfig, `westeurope`, ``, 1))), "location"},
		"unknown manager key": {string(pool(strings.Replace(launchConfig, `"publicIp"`, `"publicIP"`, 1))), "publicIP"},
	} {
		if err := c.ValidateConfig(json.RawMessage(c2.config)); err == nil || !strings.Contains(err.Error(), c2.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLaunch(t *testing.T) {
	m, r := launch(t, cloud(), pool(launchConfig))
	if m.WorkerGroup != "westeurope" || m.WorkerID != r.Name || m.LaunchConfigID != "lc-1" || m.Capacity != 3 ||
		string(m.WorkerConfig) != `{"shutdown": {"enabled": true}}` {
		t.Errorf("machine %+v", m)
	}
	if !regexp.MustCompile(`^vm-[a-z0-9]{32,35}$`).MatchString(r.Name) {
		t.Errorf("name %s", r.Name)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(r.VMID) {
		t.Errorf("vmId %s", r.VMID)
	}
	tags := map[string]string{}
	for _, tag := range r.Tags {
		tags[tag.Name] = tag.Value
	}
	if diff := cmp.Diff(map[string]string{
		"root-url": "https://tc.example.com", "worker-pool-id": "proj/linux", "provider-id": "azure-1",
		"worker-group": "westeurope", "launch-config-id": "lc-1", "created-by": "taskcluster-wm-azure-1",
		"managed-by": "taskcluster", "owner": "taskcluster-local", "team": "build",
	}, tags); diff != "" {
		t.Error(diff)
	}
	custom, err := base64.StdEncoding.DecodeString(r.CustomData)
	if err != nil || string(custom) != `{"providerId":"azure-1","rootUrl":"https://tc.example.com","workerConfig":{},"workerGroup":"westeurope","workerPoolId":"proj/linux"}` {
		t.Errorf("custom data %s, %v", custom, err)
	}
	if r.Interfaces[0].IPv4[0].Public == "" || r.Zone != "2" || r.Priority != "Spot" || r.VMSize != "Standard_D2s_v3" {
		t.Errorf("record %+v", r)
	}
}

func TestLaunchTemplate(t *testing.T) {
	m, r := launch(t, cloud(), pool(armConfig))
	if m.WorkerGroup != "eastus" || m.Capacity != 1 || r.VMSize != "Standard_F4" || r.Priority != "Spot" || r.Interfaces[0].IPv4[0].Public != "" {
		t.Errorf("machine %+v, record %+v", m, r)
	}
	again, _ := launch(t, cloud(), pool(strings.Replace(armConfig, `"workerConfig"`, `"workerManager": {"maxCapacity": 3}, "workerConfig"`, 1)))
	if m.LaunchConfigID != again.LaunchConfigID || !regexp.MustCompile(`^[a-zA-Z0-9-_]{1,38}$`).MatchString(m.LaunchConfigID) {
		t.Errorf("the same launch config is called %s and %s", m.LaunchConfigID, again.LaunchConfigID)
	}
}

// TestLaunchChoosesByWeight launches many machines from three launch configs.
func TestLaunchChoosesByWeight(t *testing.T) {
	weighted := func(id, weight string) string {
		return strings.Replace(strings.Replace(launchConfig, `"lc-1"`, `"`+id+`", "initialWeight": `+weight, 1), "westeurope", id, 1)
	}
	c := cloud()
	config := pool(weighted("never", "0"), weighted("seldom", "0.25"), weighted("often", "0.75"))
	count := map[string]int{}
	names := map[string]bool{}
	for range 400 {
		m, err := c.Launch(order(config))
		if err != nil {
			t.Fatal(err)
		}
		count[m.LaunchConfigID]++
		names[m.WorkerID] = true
	}
	if count["never"] != 0 || count["seldom"] < 60 || count["seldom"] > 140 || len(names) != 400 {
		t.Errorf("%v, %d names", count, len(names))
	}
	for name, config := range map[string]json.RawMessage{"no choice": pool(), "no weight": pool(weighted("never", "0"))} {
		if _, err := c.Launch(order(config)); err == nil {
			t.Errorf("%s: a machine is launched", name)
		}
	}
}

func TestLaunchNeedsRandomness(t *testing.T) {
	if _, err := azure.New(strings.NewReader("few")).Launch(order(pool(launchConfig))); err == nil {
		t.Error("a machine is launched")
	} else if !strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) {
		t.Error(err)
	}
}

func TestProviderBlock(t *testing.T) {
	c := cloud()
	want := map[string]any{"providerType": "azure", "metadataEndpoint": "http://127.0.0.1:4711"}
	if diff := cmp.Diff(want, c.Provider("http://127.0.0.1:4711")); diff != "" || c.Type() != "azure" {
		t.Error(c.Type(), diff)
	}
}
