package gce_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/gce"
)

const rootURL = "https://tc.example.com"

// launchConfig is one with all that is required, and what else is said in more.
func launchConfig(zone, more string) string {
	return `{"workerConfig":{"genericWorker":{"config":{}}},"region":"us-central1","zone":"` + zone + `",
		"machineType":"zones/` + zone + `/machineTypes/n2-standard-4","networkInterfaces":[{"accessConfigs":[{"type":"ONE_TO_ONE_NAT"}]}],
		"disks":[{"boot":true,"initializeParams":{"sourceImage":"projects/images/global/images/worker-7"}}],
		"scheduling":{"provisioningModel":"SPOT"}` + more + `}`
}

func pool(launchConfigs ...string) json.RawMessage {
	return json.RawMessage(`{"minCapacity":0,"maxCapacity":10,"scalingRatio":1,"lifecycle":{"registrationTimeout":60},
		"launchConfigs":[` + strings.Join(launchConfigs, ",") + `]}`)
}

func cloud() *gce.Cloud { return gce.New(rand.NewChaCha8([32]byte{1})) }

func launch(t *testing.T, c *gce.Cloud, config json.RawMessage) clouds.Machine {
	t.Helper()
	if err := c.ValidateConfig(config); err != nil {
		t.Fatal(err)
	}
	m, err := c.Launch(clouds.Order{
		RootURL: rootURL, ProviderID: "google-1", WorkerPoolID: "proj/pool", Config: config,
		Now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestValidateConfig(t *testing.T) {
	for name, c := range map[string]struct{ config, want string }{
		"good":                            {string(pool(launchConfig("us-central1-a", `,"workerManager":{"launchConfigId":"a","initialWeight":0.5},"labels":{}`))), ""},
		"no launch configs yet":           {string(pool()), ""},
		"not an object":                   {`[]`, "config:"},
		"an unknown key":                  {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[],"regions":[]}`, `"regions"`},
		"an unknown lifecycle":            {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[],"lifecycle":{"timeout":1}}`, `"timeout"`},
		"two values":                      {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[]} {}`, "after"},
		"nothing":                         {`{}`, "config.launchConfigs is missing"},
		"a negative capacity":             {`{"minCapacity":-1,"maxCapacity":1,"launchConfigs":[]}`, "minCapacity"},
		"half a capacity":                 {`{"minCapacity":0.5,"maxCapacity":1,"launchConfigs":[]}`, "minCapacity"},
		"too large a ratio":               {`{"minCapacity":0,"maxCapacity":1,"scalingRatio":2,"launchConfigs":[]}`, "scalingRatio"},
		"an empty launch config":          {string(pool(`{}`)), "config.launchConfigs[0].zone is missing"},
		"null":                            {string(pool(`null`)), "config.launchConfigs[0].zone is missing"},
		"an unknown key of workerManager": {string(pool(launchConfig("a", `,"workerManager":{"weight":1}`))), `"weight"`},
		"too large a weight":              {string(pool(launchConfig("a", `,"workerManager":{"initialWeight":2}`))), "initialWeight"},
		"a bad id":                        {string(pool(launchConfig("a", `,"workerManager":{"launchConfigId":"a/b"}`))), "launchConfigId"},
		"no capacity":                     {string(pool(launchConfig("a", `,"capacityPerInstance":0`))), "capacityPerInstance"},
		"a negative maximum":              {string(pool(launchConfig("a", `,"workerManager":{"maxCapacity":-1}`))), "maxCapacity"},
		"twice the same":                  {string(pool(launchConfig("a", ""), launchConfig("a", ""))), "launchConfigs[1] is the same"},
		"all but the same":                {string(pool(launchConfig("a", ""), launchConfig("a", `,"labels":{"x":"y"}`))), ""},
	} {
		err := cloud().ValidateConfig(json.RawMessage(c.config))
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	err := cloud().ValidateConfig(json.RawMessage(`{"launchConfigs":[{}]}`))
	for _, want := range []string{"minCapacity", "maxCapacity", "workerConfig", "region", "zone", "machineType", "disks", "networkInterfaces", "scheduling"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in: %v", want, err)
		}
	}
}

func TestLaunch(t *testing.T) {
	config := pool(launchConfig("us-central1-f", `,"capacityPerInstance":9,"workerManager":{"launchConfigId":"lc-1","capacityPerInstance":3}`))
	m := launch(t, cloud(), config)
	if m.WorkerGroup != "us-central1-f" || m.LaunchConfigID != "lc-1" || m.Capacity != 3 ||
		string(m.WorkerConfig) != `{"genericWorker":{"config":{}}}` {
		t.Errorf("machine %+v", m)
	}
	if id, err := strconv.ParseInt(m.WorkerID, 10, 64); err != nil || len(m.WorkerID) != 19 || id < 0 {
		t.Errorf("instance id %s", m.WorkerID)
	}
	var record struct{ Name, Image string }
	if err := json.Unmarshal(m.Record, &record); err != nil || record.Image != "projects/images/global/images/worker-7" {
		t.Errorf("record %s, %v", m.Record, err)
	}
	if !regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`).MatchString(record.Name) {
		t.Errorf("Google would refuse the name %s", record.Name)
	}
	again := launch(t, cloud(), config)
	if again.WorkerID != m.WorkerID {
		t.Error("the same random numbers give another machine")
	}
}

func TestEachMachineIsAnother(t *testing.T) {
	c, seen := cloud(), map[string]bool{}
	for range 50 {
		m := launch(t, c, pool(launchConfig("a", "")))
		if seen[m.WorkerID] || m.Capacity != 1 || !strings.HasPrefix(m.LaunchConfigID, "lc-") || len(m.LaunchConfigID) > 38 {
			t.Fatalf("machine %+v", m)
		}
		seen[m.WorkerID] = true
	}
}

func TestWeights(t *testing.T) {
	config := pool(launchConfig("never", `,"workerManager":{"initialWeight":0}`),
		launchConfig("seldom", `,"workerManager":{"initialWeight":0.1}`), launchConfig("often", `,"workerManager":{"initialWeight":0.9}`),
		launchConfig("never2", `,"workerManager":{"initialWeight":0}`))
	c, times := cloud(), map[string]int{}
	for range 1000 {
		times[launch(t, c, config).WorkerGroup]++
	}
	if times["never"]+times["never2"] > 0 || times["seldom"] < 60 || times["seldom"] > 140 {
		t.Errorf("chosen %v", times)
	}
}

func TestLaunchFails(t *testing.T) {
	for name, c := range map[string]struct {
		cloud  *gce.Cloud
		config json.RawMessage
	}{
		"no launch config":  {cloud(), pool()},
		"none may be used":  {cloud(), pool(launchConfig("a", `,"workerManager":{"initialWeight":0}`))},
		"no random numbers": {gce.New(bytes.NewReader(nil)), pool(launchConfig("a", ""))},
		"few of them":       {gce.New(bytes.NewReader(make([]byte, 10))), pool(launchConfig("a", ""))},
		"not valid":         {cloud(), json.RawMessage(`{}`)},
	} {
		if m, err := c.cloud.Launch(clouds.Order{Config: c.config}); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestCloud(t *testing.T) {
	c := cloud()
	block := c.Provider("http://127.0.0.1:4711")
	if c.Type() != "google" || block["providerType"] != "google" || block["metadataEndpoint"] != "http://127.0.0.1:4711" || len(block) != 2 {
		t.Errorf("%s, %v", c.Type(), block)
	}
	if _, err := c.Serve(json.RawMessage(`[]`), clouds.Settings{}); err == nil {
		t.Error("a record that is none is served")
	}
}
