package ec2_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/ec2"
)

const config = `{
	"minCapacity": 1, "maxCapacity": 2, "scalingRatio": 1,
	"lifecycle": {"registrationTimeout": 1800, "reregistrationTimeout": 3600, "queueInactivityTimeout": 7200},
	"launchConfigs": [{
		"region": "eu-west-2",
		"launchConfig": {"ImageId": "ami-0abc", "InstanceType": "c6i.large", "Placement": {"AvailabilityZone": "eu-west-2b"}},
		"workerConfig": {"genericWorker": {"config": {"numberOfTasksToRun": 1}}},
		"additionalUserData": {"motto": "<&>"},
		"workerManager": {"capacityPerInstance": 3, "launchConfigId": "big-ones"}
	}]
}`

func order(config string) clouds.Order {
	return clouds.Order{
		RootURL: "https://tc.example.com", ProviderID: "aws", WorkerPoolID: "proj/linux",
		Config: json.RawMessage(config), Now: time.Date(2026, 11, 22, 3, 4, 5, 6, time.UTC),
	}
}

func launch(t *testing.T, c *ec2.Cloud, config string) clouds.Machine {
	t.Helper()
	if err := c.ValidateConfig(json.RawMessage(config)); err != nil {
		t.Fatal(err)
	}
	m, err := c.Launch(order(config))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func serve(t *testing.T, c *ec2.Cloud, m clouds.Machine, clock func() time.Time) clouds.Service {
	t.Helper()
	s, err := c.Serve(m.Record, clouds.Settings{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask makes one request; header pairs follow.
func ask(t *testing.T, s http.Handler, method, path string, header ...string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	response := w.Result()
	data, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data), response.Header
}

const (
	ttl    = "X-aws-ec2-metadata-token-ttl-seconds"
	header = "X-aws-ec2-metadata-token"
)

// get reads a path with a new token.
func get(t *testing.T, s http.Handler, path string) (int, string) {
	t.Helper()
	status, token, _ := ask(t, s, http.MethodPut, "/latest/api/token", ttl, "60")
	if status != http.StatusOK {
		t.Fatalf("token: %d", status)
	}
	status, text, _ := ask(t, s, http.MethodGet, "/latest/"+path, header, token)
	return status, text
}

func TestLaunch(t *testing.T) {
	c := ec2.New(rand.Reader)
	m, other := launch(t, c, config), launch(t, c, config)
	if m.WorkerGroup != "eu-west-2" || m.LaunchConfigID != "big-ones" || m.Capacity != 3 ||
		string(m.WorkerConfig) != `{"genericWorker": {"config": {"numberOfTasksToRun": 1}}}` {
		t.Errorf("machine %+v", m)
	}
	if !regexp.MustCompile(`^i-[0-9a-f]{17}$`).MatchString(m.WorkerID) || m.WorkerID == other.WorkerID {
		t.Errorf("instances %s and %s", m.WorkerID, other.WorkerID)
	}
	if p := c.Provider("http://127.0.0.1:4711"); c.Type() != "aws" || p["providerType"] != "aws" || p["metadataEndpoint"] != "http://127.0.0.1:4711" {
		t.Errorf("type %s, provider block %v", c.Type(), p)
	}
}

func TestLaunchDefaultsAndNames(t *testing.T) {
	c := ec2.New(rand.Reader)
	const least = `{"minCapacity":0,"maxCapacity":1,"launchConfigs":[{"region":"us-east-1","launchConfig":{"ImageId":"ami-%"}}]}`
	one, two := launch(t, c, strings.Replace(least, "%", "1", 1)), launch(t, c, strings.Replace(least, "%", "2", 1))
	third := launch(t, c, strings.Replace(least, "%", "1", 1))
	if one.LaunchConfigID == two.LaunchConfigID || one.LaunchConfigID != third.LaunchConfigID {
		t.Errorf("launch configs %s, %s and again the first: %s", one.LaunchConfigID, two.LaunchConfigID, third.LaunchConfigID)
	}
	if one.Capacity != 1 || string(one.WorkerConfig) != "{}" {
		t.Errorf("machine %+v", one)
	}
	if _, zone := get(t, serve(t, c, one, time.Now), "meta-data/placement/availability-zone"); zone != "us-east-1a" {
		t.Errorf("zone %s", zone)
	}
}

func TestWeightsPickTheLaunchConfig(t *testing.T) {
	c := ec2.New(rand.Reader)
	seen := map[string]int{}
	for range 40 {
		seen[launch(t, c, `{"minCapacity":0,"maxCapacity":9,"launchConfigs":[
			{"region":"never","launchConfig":{"ImageId":"a"},"workerManager":{"initialWeight":0}},
			{"region":"one","launchConfig":{"ImageId":"a"}},
			{"region":"two","launchConfig":{"ImageId":"a"},"workerManager":{"initialWeight":1}}]}`).WorkerGroup]++
	}
	if seen["never"] != 0 || seen["one"] == 0 || seen["two"] == 0 {
		t.Errorf("launched %v", seen)
	}
	for _, none := range []string{`[]`, `[{"region":"never","launchConfig":{"ImageId":"a"},"workerManager":{"initialWeight":0}}]`} {
		if _, err := c.Launch(order(`{"minCapacity":0,"maxCapacity":9,"launchConfigs":` + none + `}`)); err == nil {
			t.Errorf("%s: an instance was launched", none)
		}
	}
}

// badConfigs are configs that the API refuses, and what is said of them.
func badConfigs() map[string]struct{ config, want string } {
	const good = `"region":"r","launchConfig":{"ImageId":"a"}`
	return map[string]struct{ config, want string }{
		"no launch configs":  {`{"minCapacity":0,"maxCapacity":1}`, "launchConfigs is missing"},
		"no capacities":      {`{"launchConfigs":[]}`, "maxCapacity must be there"},
		"unknown key":        {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[],"minCapacit":1}`, `unknown field "minCapacit"`},
		"wrong type":         {`{"minCapacity":"0","maxCapacity":1,"launchConfigs":[]}`, "minCapacity"},
		"ratio":              {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[],"scalingRatio":2}`, "scalingRatio"},
		"lifecycle":          {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[],"lifecycle":{"queueInactivityTimeout":60}}`, "queueInactivityTimeout must be >= 1200"},
		"lifecycle, long":    {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[],"lifecycle":{"reregistrationTimeout":2592001}}`, "reregistrationTimeout must be <="},
		"lifecycle, unknown": {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[],"lifecycle":{"timeout":60}}`, `lifecycle has no "timeout"`},
		"no region":          {one(`"launchConfig":{"ImageId":"a"}`), "launchConfigs/0: region is missing"},
		"no image":           {one(`"region":"r","launchConfig":{}`), "launchConfigs/0: launchConfig must be"},
		"image no string":    {one(`"region":"r","launchConfig":{"ImageId":3}`), "launchConfigs/0: launchConfig must be"},
		"reserved":           {one(good + `,"additionalUserData":{"rootUrl":"x"}`), "must not have rootUrl"},
		"worker config":      {one(good + `,"workerConfig":[]`), "workerConfig must be an object"},
		"capacity":           {one(good + `,"workerManager":{"capacityPerInstance":0}`), "workerManager/capacityPerInstance"},
		"old capacity":       {one(good + `,"capacityPerInstance":0`), "capacityPerInstance must be >= 1"},
		"weight":             {one(good + `,"workerManager":{"initialWeight":1.5}`), "initialWeight"},
		"id":                 {one(good + `,"workerManager":{"launchConfigId":"a b"}`), "launchConfigId"},
		"all four":           {one(`"region":"r","launchConfig":{"ImageId":"a","IamInstanceProfile":{},"UserData":"","MinCount":1,"MaxCount":1}`), "must not have IamInstanceProfile"},
		"twice":              {`{"minCapacity":0,"maxCapacity":1,"launchConfigs":[{` + good + `},{` + good + `}]}`, "launchConfigs/1 is there twice"},
	}
}

func TestValidateConfig(t *testing.T) {
	for name, c := range badConfigs() {
		if err := ec2.New(rand.Reader).ValidateConfig(json.RawMessage(c.config)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// one is a config with one launch config of these members.
func one(members string) string {
	return `{"minCapacity":0,"maxCapacity":1,"launchConfigs":[{` + members + `}]}`
}

func TestMetadata(t *testing.T) {
	c := ec2.New(rand.Reader)
	m := launch(t, c, config)
	s := serve(t, c, m, time.Now)
	for path, want := range map[string]string{
		"meta-data/instance-id": m.WorkerID, "meta-data/instance-type": "c6i.large", "meta-data/ami-id": "ami-0abc",
		"meta-data/placement/region": "eu-west-2", "meta-data/placement/availability-zone": "eu-west-2b",
		"meta-data/events/maintenance/scheduled": "[]",
	} {
		if status, text := get(t, s, path); status != http.StatusOK || text != want {
			t.Errorf("%s: %d %q; want %q", path, status, text, want)
		}
	}
	_, text := get(t, s, "user-data")
	var user map[string]any
	if err := json.Unmarshal([]byte(text), &user); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"rootUrl": "https://tc.example.com", "workerPoolId": "proj/linux", "providerId": "aws",
		"workerGroup": "eu-west-2", "launchConfigId": "big-ones", "motto": "<&>",
	} {
		if user[name] != want {
			t.Errorf("user data: %s is %v", name, user[name])
		}
	}
	if _, ok := user["workerConfig"].(map[string]any); !ok || len(user) != 7 {
		t.Errorf("user data %s", text)
	}
	_, address := get(t, s, "meta-data/public-ipv4")
	if _, host := get(t, s, "meta-data/public-hostname"); !strings.Contains(host, strings.ReplaceAll(address, ".", "-")) {
		t.Errorf("address %s, name %s", address, host)
	}
}

func TestNoPublicAddress(t *testing.T) {
	c := ec2.New(rand.Reader)
	private := strings.Replace(config, `"ImageId": "ami-0abc"`, `"ImageId": "ami-0abc", "NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": false}]`, 1)
	s := serve(t, c, launch(t, c, private), time.Now)
	for _, path := range []string{"meta-data/public-ipv4", "meta-data/public-hostname"} {
		if status, text := get(t, s, path); status != http.StatusNotFound || !strings.Contains(text, "<h1>404 - Not Found</h1>") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

func TestTokens(t *testing.T) {
	c, now := ec2.New(rand.Reader), time.Now()
	s := serve(t, c, launch(t, c, config), func() time.Time { return now })
	for name, c := range map[string]struct {
		header []string
		want   int
	}{
		"no life time":      {nil, 400},
		"no number":         {[]string{ttl, "long"}, 400},
		"none at all":       {[]string{ttl, "0"}, 400},
		"too long":          {[]string{ttl, "21601"}, 400},
		"through a proxy":   {[]string{ttl, "60", "X-Forwarded-For", "10.0.0.1"}, 403},
		"as long as it may": {[]string{ttl, "21600"}, 200},
	} {
		if status, _, _ := ask(t, s, http.MethodPut, "/latest/api/token", c.header...); status != c.want {
			t.Errorf("token, %s: %d; want %d", name, status, c.want)
		}
	}
	const path = "/latest/meta-data/instance-id"
	if status, page, h := ask(t, s, http.MethodGet, path); status != 401 || !strings.Contains(page, "<title>401 - Unauthorized</title>") || h.Get("Content-Type") != "text/html" {
		t.Errorf("GET without a token: %d %s", status, page)
	}
	if status, _, _ := ask(t, s, http.MethodGet, path, header, "made up"); status != 401 {
		t.Errorf("GET with a bad token: %d", status)
	}
	_, token, told := ask(t, s, http.MethodPut, "/latest/api/token", ttl, "60")
	if told.Get(ttl) != "60" || told.Get("Content-Type") != "text/plain" {
		t.Errorf("headers of the token: %v", told)
	}
	now = now.Add(59 * time.Second)
	if status, _, h := ask(t, s, http.MethodGet, path, header, token); status != 200 || h.Get(ttl) != "1" {
		t.Errorf("GET with an old token: %d, %v", status, h)
	}
	now = now.Add(time.Second)
	if status, _, _ := ask(t, s, http.MethodGet, path, header, token); status != 401 {
		t.Errorf("GET with an expired token: %d", status)
	}
	if status, _, _ := ask(t, s, http.MethodPost, path, header, token); status != 405 {
		t.Errorf("POST: %d", status)
	}
	if status, _, _ := ask(t, s, http.MethodPut, path, ttl, "60"); status != 405 {
		t.Errorf("PUT elsewhere: %d", status)
	}
}

// evidence is the proof of an instance, from its own metadata service.
func evidence(t *testing.T, c *ec2.Cloud, m clouds.Machine) (document, signature string) {
	t.Helper()
	s := serve(t, c, m, time.Now)
	_, document = get(t, s, "dynamic/instance-identity/document")
	_, signature = get(t, s, "dynamic/instance-identity/signature")
	return document, signature
}

func proof(t *testing.T, document, signature string) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(map[string]string{"document": document, "signature": signature})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDocument(t *testing.T) {
	c := ec2.New(rand.Reader)
	m := launch(t, c, config)
	document, signature := evidence(t, c, m)
	lines := strings.Split(document, "\n")
	if len(lines) != 17 || lines[1] != `  "accountId" : "123456789012",` || lines[10] != `  "kernelId" : null,` ||
		lines[11] != `  "pendingTime" : "2026-11-22T03:04:05Z",` || lines[15] != `  "version" : "2017-09-30"` {
		t.Errorf("document\n%s", document)
	}
	if _, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(signature, "\n", "")); err != nil || !strings.Contains(signature, "\n") {
		t.Errorf("signature %q: %v", signature, err)
	}
}

func TestVerify(t *testing.T) {
	c := ec2.New(rand.Reader)
	m, other := launch(t, c, config), launch(t, c, config)
	document, signature := evidence(t, c, m)
	theirs, theirSignature := evidence(t, c, other)
	_, foreign := evidence(t, ec2.New(rand.Reader), m)
	if err := c.Verify(proof(t, document, signature), "", m.Record); err != nil {
		t.Errorf("the machine's own proof: %v", err)
	}
	for name, bad := range map[string]struct {
		proof json.RawMessage
		want  string
	}{
		"another machine's":       {proof(t, theirs, theirSignature), "bad privateIp"},
		"another cloud's":         {proof(t, document, foreign), "bad signature"},
		"changed by a byte":       {proof(t, document+" ", signature), "bad signature"},
		"another's signature":     {proof(t, document, theirSignature), "bad signature"},
		"no base64":               {proof(t, document, "!"), "bad signature"},
		"no signature":            {json.RawMessage(`{"document":"{}"}`), "missing"},
		"another provider's kind": {json.RawMessage(`{"token":"x"}`), "missing"},
	} {
		err := c.Verify(bad.proof, "", m.Record)
		refusal, ok := errors.AsType[*api.Error](err)
		if !ok || refusal.Status != http.StatusBadRequest || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v; want a refusal with %q", name, err, bad.want)
		}
	}
}

func TestNotify(t *testing.T) {
	c, now := ec2.New(rand.Reader), time.Date(2026, 11, 22, 3, 4, 5, 6, time.UTC)
	s := serve(t, c, launch(t, c, config), func() time.Time { return now })
	const (
		action, ends = "meta-data/spot/instance-action", "meta-data/spot/termination-time"
		rebalance    = "meta-data/events/recommendations/rebalance"
		scheduled    = "meta-data/events/maintenance/scheduled"
	)
	for _, path := range []string{action, ends, rebalance} {
		if status, _ := get(t, s, path); status != 404 {
			t.Errorf("%s: %d before there is anything", path, status)
		}
	}
	for kind, want := range map[string][]string{
		"spot-terminate": {action, `{"action":"terminate","time":"2026-11-22T03:06:05Z"}`, ends, "2026-11-22T03:06:05Z"},
		"spot-stop":      {action, `{"action":"stop","time":"2026-11-22T03:06:05Z"}`, ends, ""},
		"spot-hibernate": {action, `{"action":"hibernate","time":"2026-11-22T03:06:05Z"}`, ends, ""},
		"rebalance":      {rebalance, `{"noticeTime":"2026-11-22T03:04:05Z"}`},
		"maintenance":    {scheduled, `"NotBefore":"22 Nov 2026 03:06:05 GMT","Code":"system-reboot"`},
	} {
		if err := s.Notify(clouds.Notice{Kind: kind, In: 2 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(want); i += 2 {
			status, text := get(t, s, want[i])
			if (status == 200) != (want[i+1] != "") || (status == 200 && !strings.Contains(text, want[i+1])) {
				t.Errorf("%s: %s says %d %s", kind, want[i], status, text)
			}
		}
		if err := s.Notify(clouds.Notice{Kind: kind, Cancel: true}); err != nil {
			t.Fatal(err)
		}
		if status, text := get(t, s, want[0]); status != 404 && text != "[]" {
			t.Errorf("%s: cancelled, and %s says %d %s", kind, want[0], status, text)
		}
	}
	if _, text := get(t, s, "meta-data/events/maintenance/history"); !strings.Contains(text, `"State":"canceled"`) {
		t.Errorf("history %s", text)
	}
	if err := s.Notify(clouds.Notice{Kind: "preempted"}); err == nil || !strings.Contains(err.Error(), "spot-terminate") {
		t.Errorf("an unknown kind: %v", err)
	}
}
