package gce_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

// instance is a metadata server on the loopback interface.
type instance struct {
	clouds.Service
	t       *testing.T
	machine clouds.Machine
	url     string
}

func serve(t *testing.T, more string) instance {
	t.Helper()
	return serveConfig(t, launchConfig("us-central1-a", more))
}

func serveConfig(t *testing.T, launchConfig string) instance {
	t.Helper()
	c := cloud()
	m := launch(t, c, pool(launchConfig))
	s, err := c.Serve(m.Record, clouds.Settings{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return instance{s, t, m, server.URL}
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do makes a call without following redirects. Headers are "Name: value".
func (i instance) do(ctx context.Context, method, path string, headers ...string) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, i.url+path, nil)
	if err != nil {
		return reply{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(data)}, err
}

const flavor = "Metadata-Flavor: Google"

// get reads metadata with the header that it wants.
func (i instance) get(path string) reply {
	i.t.Helper()
	r, err := i.do(i.t.Context(), http.MethodGet, "/computeMetadata/v1/"+path, flavor)
	if err != nil {
		i.t.Fatal(err)
	}
	return r
}

func (i instance) notify(n clouds.Notice) {
	i.t.Helper()
	if err := i.Notify(n); err != nil {
		i.t.Fatal(err)
	}
}

func TestLeaves(t *testing.T) {
	i := serve(t, `,"metadata":{"items":[{"key":"startup-script","value":"#!/bin/sh"},{"key":"taskcluster","value":"not yours"}]}`)
	for path, want := range map[string]string{
		"instance/id":                             i.machine.WorkerID,
		"instance/zone":                           "projects/482916307514/zones/us-central1-a",
		"instance/machine-type":                   "projects/482916307514/machineTypes/n2-standard-4",
		"instance/image":                          "projects/images/global/images/worker-7",
		"instance/preempted":                      "FALSE",
		"instance/maintenance-event":              "NONE",
		"instance/upcoming-maintenance":           "NONE",
		"instance/upcoming-maintenance?alt=json":  `"NONE"`,
		"instance/scheduling/preemptible":         "TRUE",
		"instance/scheduling/on-host-maintenance": "TERMINATE",
		"instance/attributes/startup-script":      "#!/bin/sh",
		"instance/tags":                           "[]",
		"instance/id?alt=json":                    i.machine.WorkerID,
		"instance/preempted?alt=json":             `"FALSE"`,
		"project/project-id":                      "taskcluster-local",
		"project/numeric-project-id":              "482916307514",
		"instance/service-accounts/default/email": "worker@taskcluster-local.iam.gserviceaccount.com",
		"":                             "instance/\nproject/\n",
		"instance/scheduling/":         "automatic-restart\non-host-maintenance\npreemptible\n",
		"instance/attributes/":         "startup-script\ntaskcluster\n",
		"instance/network-interfaces/": "0/\n",
		"instance/scheduling/?recursive=true&alt=text": "automatic-restart FALSE\non-host-maintenance TERMINATE\npreemptible TRUE\n",
	} {
		r := i.get(path)
		if r.status != http.StatusOK || r.body != want {
			t.Errorf("%s: %d %q, want %q", path, r.status, r.body, want)
		}
		kind := "application/text"
		if strings.Contains(path, "alt=json") {
			kind = "application/json"
		}
		if h := r.header; h.Get("Metadata-Flavor") != "Google" || h.Get("Server") != "Metadata Server for VM" || len(h.Get("ETag")) != 16 || h.Get("Content-Type") != kind {
			t.Errorf("%s: headers %v", path, h)
		}
	}
}

func TestAttributeForTheWorker(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(serve(t, "").get("instance/attributes/taskcluster").body), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"rootUrl": rootURL, "providerId": "google-1", "workerPoolId": "proj/pool", "workerGroup": "us-central1-a"} {
		if got[key] != want {
			t.Errorf("%s is %v", key, got[key])
		}
	}
}

func TestRecursive(t *testing.T) {
	i := serve(t, `,"metadata":{"items":[{"key":"enable-oslogin","value":"TRUE"}]}`)
	for _, path := range []string{"instance/?recursive=true", "instance/?recursive=true&alt=json", "instance?recursive=true"} {
		r := i.get(path)
		var got struct {
			ID                json.Number
			MachineType       string
			Preempted         string
			Attributes        map[string]string
			Scheduling        map[string]string
			ServiceAccounts   map[string]struct{ Aliases, Scopes []string }
			NetworkInterfaces []struct {
				IP            string
				AccessConfigs []struct{ ExternalIP string }
			}
		}
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %v in %s", path, err, r.body)
		}
		if got.ID.String() != i.machine.WorkerID || got.Preempted != "FALSE" || got.Attributes["enable-oslogin"] != "TRUE" ||
			got.Scheduling["onHostMaintenance"] != "TERMINATE" || !strings.Contains(r.body, `"machineType":`) ||
			len(got.ServiceAccounts["default"].Scopes) != 1 || got.NetworkInterfaces[0].AccessConfigs[0].ExternalIP == "" {
			t.Errorf("%s: %s", path, r.body)
		}
	}
}

func TestNetworkInterfaces(t *testing.T) {
	i := serveConfig(t, strings.Replace(launchConfig("us-central1-a", ""), `[{"accessConfigs":[{"type":"ONE_TO_ONE_NAT"}]}]`,
		`[{"network":"global/networks/inner"},{"stackType":"IPV6_ONLY"},{"stackType":"IPV4_IPV6","accessConfigs":[{}]}]`, 1))
	for path, there := range map[string]bool{
		"0/ip": true, "0/ipv6s": false, "0/access-configs/0/external-ip": false, "0/access-configs/": true,
		"1/ip": false, "1/ipv6s": true, "1/access-configs/": false,
		"2/ip": true, "2/ipv6s": true, "2/access-configs/0/external-ip": true,
		"3/ip": false,
	} {
		if r := i.get("instance/network-interfaces/" + path); (r.status == http.StatusOK) != there {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := i.get("instance/network-interfaces/0/network"); r.body != "projects/482916307514/networks/inner" {
		t.Error(r.body)
	}
}

func TestRefusals(t *testing.T) {
	i := serve(t, "")
	const id = "/computeMetadata/v1/instance/id"
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		status       int
		says         string
	}{
		"no header":         {"GET", id, nil, 403, "Missing Metadata-Flavor:Google header."},
		"the wrong one":     {"GET", id, []string{"Metadata-Flavor: AWS"}, 403, "Missing"},
		"the old one":       {"GET", id, []string{"X-Google-Metadata-Request: True"}, 200, ""},
		"forwarded":         {"GET", id, []string{flavor, "X-Forwarded-For: 10.0.0.1"}, 403, "X-Forwarded-For"},
		"unknown":           {"GET", id + "x", []string{flavor}, 404, "<code>" + id + "x</code> was not found"},
		"below a leaf":      {"GET", id + "/x", []string{flavor}, 404, "was not found"},
		"a leaf as folder":  {"GET", id + "/", []string{flavor}, 404, "was not found"},
		"another version":   {"GET", "/computeMetadata/v2/", []string{flavor}, 404, "was not found"},
		"markup":            {"GET", "/computeMetadata/v1/%3Cb%3E", []string{flavor}, 404, "&lt;b&gt;"},
		"a folder's name":   {"GET", "/computeMetadata/v1/instance", []string{flavor}, 301, ""},
		"no GET":            {"POST", id, []string{flavor}, 405, "method"},
		"the root":          {"GET", "/", nil, 200, "computeMetadata/"},
		"the versions":      {"GET", "/computeMetadata/", []string{flavor}, 200, "v1/"},
		"identity, nothing": {"GET", "/computeMetadata/v1/instance/service-accounts/default/identity", []string{flavor}, 400, "non-empty audience parameter required"},
		"identity, nobody":  {"GET", "/computeMetadata/v1/instance/service-accounts/other/identity?audience=x", []string{flavor}, 404, "was not found"},
	} {
		r, err := i.do(t.Context(), c.method, c.path, c.headers...)
		if err != nil || r.status != c.status || !strings.Contains(r.body, c.says) {
			t.Errorf("%s: %d %s %v", name, r.status, r.body, err)
		}
		if r.header.Get("Metadata-Flavor") != "Google" {
			t.Errorf("%s: the reply is not Google's", name)
		}
		if c.status == http.StatusMovedPermanently && r.header.Get("Location") != c.path+"/" {
			t.Errorf("%s: to %s", name, r.header.Get("Location"))
		}
	}
}

func TestNotify(t *testing.T) {
	i := serve(t, "")
	for kind, c := range map[string]struct{ path, want, before string }{
		"preempted":             {"preempted", "TRUE", "FALSE"},
		"maintenance-terminate": {"maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE", "NONE"},
		"maintenance-migrate":   {"maintenance-event", "MIGRATE_ON_HOST_MAINTENANCE", "NONE"},
	} {
		i.notify(clouds.Notice{Kind: kind})
		if r := i.get("instance/" + c.path); r.body != c.want {
			t.Errorf("%s: %s", kind, r.body)
		}
		i.notify(clouds.Notice{Kind: kind, Cancel: true})
		if r := i.get("instance/" + c.path); r.body != c.before {
			t.Errorf("%s cancelled: %s", kind, r.body)
		}
	}
	i.notify(clouds.Notice{Kind: "upcoming-maintenance", In: time.Hour})
	var got struct {
		Type  string
		Start time.Time `json:"window_start_time"`
	}
	r := i.get("instance/upcoming-maintenance/?recursive=true")
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || got.Type != "SCHEDULED" || time.Until(got.Start).Round(time.Minute) != time.Hour {
		t.Errorf("%s %v", r.body, err)
	}
	if err := i.Notify(clouds.Notice{Kind: "spot"}); err == nil || !strings.Contains(err.Error(), "preempted, maintenance-terminate") {
		t.Errorf("got %v", err)
	}
}

// TestChanges has what wait_for_change means. A call that should hang is given some time to
// prove that it does.
func TestChanges(t *testing.T) {
	for _, path := range []string{"instance/preempted?", "instance/?recursive=true&", "?recursive=true&alt=json&"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			changes(t, path)
		})
	}
}

func changes(t *testing.T, path string) {
	t.Helper()
	i := serve(t, "")
	before := i.get(path)
	if again := i.get(path); again.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("%s: the ETag changes by itself", path)
	}
	wait := path + "wait_for_change=true"
	for _, hanging := range []string{wait, wait + "&last_etag=" + before.header.Get("ETag")} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if _, err := i.do(ctx, http.MethodGet, "/computeMetadata/v1/"+hanging, flavor); err == nil {
			t.Errorf("%s does not wait", hanging)
		}
		cancel()
	}
	if r := i.get(wait + "&last_etag=0"); r.body != before.body {
		t.Errorf("%s: another ETag gives %s", path, r.body)
	}
	began := time.Now()
	if r := i.get(wait + "&timeout_sec=1"); r.body != before.body || time.Since(began) < time.Second {
		t.Errorf("%s: after %v %d", path, time.Since(began), r.status)
	}
	i.notify(clouds.Notice{Kind: "preempted"})
	r := i.get(wait + "&last_etag=" + before.header.Get("ETag"))
	if r.status != http.StatusOK || r.body == before.body || r.header.Get("ETag") == before.header.Get("ETag") {
		t.Errorf("%s: a change before the call gives %s", path, r.body)
	}
}

// TestHangingCallsWakeAtOnce has calls that hang, woken by what concerns them only.
func TestHangingCallsWakeAtOnce(t *testing.T) {
	i := serve(t, "")
	const callers = 20
	path := "/computeMetadata/v1/instance/preempted?wait_for_change=true&last_etag=" + i.get("instance/preempted").header.Get("ETag")
	took := make(chan time.Duration, callers)
	var changed time.Time
	for range callers {
		go func() {
			r, err := i.do(t.Context(), http.MethodGet, path, flavor)
			if err != nil || r.body != "TRUE" {
				t.Errorf("%s %v", r.body, err)
			}
			took <- time.Since(changed)
		}()
	}
	i.notify(clouds.Notice{Kind: "maintenance-migrate"})
	select {
	case <-took:
		t.Fatal("another key wakes them")
	case <-time.After(50 * time.Millisecond):
	}
	changed = time.Now()
	i.notify(clouds.Notice{Kind: "preempted"})
	var all []time.Duration
	for range callers {
		select {
		case d := <-took:
			all = append(all, d)
		case <-time.After(10 * time.Second):
			t.Fatal("a call hangs still")
		}
	}
	if worst := slices.Max(all); worst > 5*time.Second {
		t.Errorf("woken after %v", worst)
	}
}

func TestKeyThatGoes(t *testing.T) {
	i := serve(t, "")
	i.notify(clouds.Notice{Kind: "upcoming-maintenance"})
	path := "instance/upcoming-maintenance/type"
	before := i.get(path)
	i.notify(clouds.Notice{Kind: "upcoming-maintenance", Cancel: true})
	if r := i.get(path + "?wait_for_change=true&last_etag=" + before.header.Get("ETag")); before.body != "SCHEDULED" || r.status != http.StatusNotFound {
		t.Errorf("%s, then %d", before.body, r.status)
	}
}
