package gcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/gce"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/gcp"
	"github.com/workerkit/workerkit/providers/providertest"
)

const rootURL = "https://tc.example.com/a b" // must be escaped in a query

// machine is an emulated instance with its metadata server.
type machine struct {
	cloud   *gce.Cloud
	machine clouds.Machine
	service clouds.Service
	faults  *clouds.Faults
	calls   *atomic.Int64
	known   *atomic.Value // the ETag of the last call that hangs
	url     string
}

const usual = `[{"network":"global/networks/default","accessConfigs":[{"type":"ONE_TO_ONE_NAT"}]}]`

// boot boots an instance with the network interfaces. A hook sees each request first.
func boot(t *testing.T, interfaces string, hook http.HandlerFunc) machine {
	t.Helper()
	cloud := gce.New(rand.NewChaCha8([32]byte{7}))
	config := `{"minCapacity":0,"maxCapacity":1,"launchConfigs":[{"region":"us-central1","zone":"us-central1-a",
		"machineType":"zones/us-central1-a/machineTypes/n2-standard-4","disks":[],"networkInterfaces":` + interfaces + `,
		"scheduling":{},"workerConfig":{},"metadata":{"items":[{"key":"startup-script","value":"a secret"}]}}]}`
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	m, err := cloud.Launch(clouds.Order{RootURL: rootURL, ProviderID: "google-1", WorkerPoolID: "proj/pool", Config: json.RawMessage(config), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	service, err := cloud.Serve(m.Record, clouds.Settings{Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	faults, calls, known := &clouds.Faults{}, &atomic.Int64{}, &atomic.Value{}
	faulty := faults.Wrap(service)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if etag := r.URL.Query().Get("last_etag"); etag != "" {
			known.Store(etag)
		}
		if hook != nil {
			hook(w, r)
		}
		faulty.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return machine{cloud, m, service, faults, calls, known, server.URL}
}

// attempts is how often a call is made at most.
const attempts = 5

// quick repeats a few times only.
func quick() retry.Policy {
	return retry.Policy{Initial: time.Millisecond, Cap: 5 * time.Millisecond, Attempts: attempts}
}

func deps(t *testing.T) providers.Deps {
	t.Helper()
	transport := imds.New(quick())
	t.Cleanup(transport.Close)
	return providers.Deps{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Metadata: transport}
}

func provider(t *testing.T, endpoint string) providers.Provider {
	t.Helper()
	return gcp.Kind().New(providers.NewValues(map[string]any{"metadataEndpoint": endpoint}), deps(t))
}

func identity(m machine) providers.Identity {
	var record struct {
		Name       string
		Interfaces []struct{ IP, ExternalIP string } `json:"networkInterfaces"`
	}
	_ = json.Unmarshal(m.machine.Record, &record)
	return providers.Identity{
		RootURL: rootURL, ProviderID: "google-1", WorkerPoolID: "proj/pool", WorkerGroup: "us-central1-a",
		WorkerID: m.machine.WorkerID, InstanceID: m.machine.WorkerID,
		Location: map[string]string{"cloud": "google", "region": "us-central1", "zone": "us-central1-a"},
		Metadata: map[string]any{
			"instance-id": m.machine.WorkerID, "project-id": "taskcluster-local",
			"image":         "projects/taskcluster-local/global/images/worker",
			"instance-type": "projects/482916307514/machineTypes/n2-standard-4", "machine-type": "n2-standard-4",
			"zone": "us-central1-a", "availability-zone": "us-central1-a", "region": "us-central1",
			"public-hostname": record.Name + ".c.taskcluster-local.internal",
			"public-ipv4":     record.Interfaces[0].ExternalIP, "local-ipv4": record.Interfaces[0].IP,
		},
	}
}

func TestProvider(t *testing.T) {
	m := boot(t, usual, nil)
	query := url.Values{"audience": {rootURL}, "format": {"full"}}.Encode()
	token, _ := fetch(t, m.url+"/computeMetadata/v1/instance/service-accounts/default/identity?"+query)
	d := deps(t)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")          // nothing listens there
	t.Setenv("GCE_METADATA_HOST", "http://127.0.0.1:1/x") // which Google's library reads itself
	providertest.Run(t, providertest.Case{
		Kind: gcp.Kind(), Values: map[string]any{"metadataEndpoint": m.url}, Want: identity(m),
		Proof: `{"token":"` + token + `"}`, Metadata: d.Metadata,
	})
}

// fetch reads metadata as anybody may, and its ETag.
func fetch(t *testing.T, address string) (text, etag string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Metadata-Flavor", "Google")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(response.Body)
	return string(data), response.Header.Get("ETag")
}

// TestMatches has what firmware says on real machines.
func TestMatches(t *testing.T) {
	for name, c := range map[string]struct {
		facts providers.Facts
		want  bool
	}{
		"GCE":              {providers.Facts{BIOSVendor: "Google", Vendor: "Google", Product: "Google Compute Engine"}, true},
		"Chromebook":       {providers.Facts{BIOSVendor: "coreboot", Vendor: "Google", Product: "Lillipup"}, false},
		"Chromebox":        {providers.Facts{BIOSVendor: "coreboot", Vendor: "GOOGLE", Product: "Panther"}, false},
		"EC2 Nitro":        {providers.Facts{BIOSVendor: "Amazon EC2", Vendor: "Amazon EC2", Product: "m5.large"}, false},
		"EC2 Xen":          {providers.Facts{BIOSVendor: "Xen", Vendor: "Xen", Product: "HVM domU"}, false},
		"Azure":            {providers.Facts{BIOSVendor: "American Megatrends Inc.", Vendor: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: "7783-7084-3265-9085-8269-3286-77"}, false},
		"Hyper-V":          {providers.Facts{BIOSVendor: "Microsoft Corporation", Vendor: "Microsoft Corporation", Product: "Virtual Machine"}, false},
		"VMware":           {providers.Facts{BIOSVendor: "Phoenix Technologies LTD", Vendor: "VMware, Inc.", Product: "VMware Virtual Platform"}, false},
		"QEMU":             {providers.Facts{BIOSVendor: "SeaBIOS", Vendor: "QEMU", Product: "Standard PC (i440FX + PIIX, 1996)"}, false},
		"Dell":             {providers.Facts{BIOSVendor: "Dell Inc.", Vendor: "Dell Inc.", Product: "PowerEdge R640"}, false},
		"Apple":            {providers.Facts{Vendor: "Apple Inc.", Product: "Macmini9,1"}, false},
		"nothing is known": {providers.Facts{}, false},
	} {
		if got := gcp.Kind().Matches(c.facts); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestProbe(t *testing.T) {
	m := boot(t, usual, nil)
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	for endpoint, ok := range map[string]bool{
		m.url: true, strings.TrimPrefix(m.url, "http://"): true, other.URL: false, "127.0.0.1:1": false,
	} {
		err := gcp.Kind().Probe(t.Context(), providers.NewValues(map[string]any{"metadataEndpoint": endpoint}), deps(t))
		if (err == nil) != ok {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if n := m.calls.Load(); n != 2 {
		t.Errorf("two probes make %d calls", n)
	}
}

func TestEndpoint(t *testing.T) {
	check := gcp.Kind().Fields[0].Check
	for text, ok := range map[string]bool{
		"169.254.169.254": true, "metadata.google.internal": true, "127.0.0.1:4711": true, "[fd20:ce::254]": true,
		"http://127.0.0.1:4711": true, "http://127.0.0.1:4711/": true,
		"https://127.0.0.1": false, "http://": false, "127.0.0.1/v1": false, "a b": false, "fd20:ce::254": false, "u:p@host": false,
	} {
		if err := check(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFewestCalls(t *testing.T) {
	m := boot(t, usual, nil)
	p := provider(t, m.url)
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := m.calls.Load(); n != 2 {
		t.Errorf("Identify makes %d calls", n)
	}
	first, err := p.Proof(t.Context())
	if err != nil || m.calls.Load() != 3 {
		t.Errorf("Proof: %v, %d calls in all", err, m.calls.Load())
	}
	if _, err := p.Proof(t.Context()); err != nil || m.calls.Load() != 4 {
		t.Errorf("the proof of the second call is not fresh: %v", err)
	}
	if strings.Contains(string(first), " ") {
		t.Error("the token has a space")
	}
}

// TestProofIsTaken lets worker-manager's side check a proof.
func TestProofIsTaken(t *testing.T) {
	m := boot(t, usual, nil)
	service, err := m.cloud.Serve(m.machine.Record, clouds.Settings{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	p := provider(t, server.URL)
	if _, err := p.Proof(t.Context()); err == nil {
		t.Error("there is a proof for nobody knows whom")
	}
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	proof, err := p.Proof(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cloud.Verify(proof, rootURL, m.machine.Record); err != nil {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		interfaces string
		want       map[string]bool // which keys there are
	}{
		"no external address": {`[{}]`, map[string]bool{"local-ipv4": true}},
		"IPv6 only":           {`[{"stackType":"IPV6_ONLY"}]`, map[string]bool{"local-ipv6": true}},
		"both":                {`[{"stackType":"IPV4_IPV6","accessConfigs":[{}]}]`, map[string]bool{"local-ipv4": true, "local-ipv6": true, "public-ipv4": true}},
		"several interfaces":  {`[{},{"accessConfigs":[{}]}]`, map[string]bool{"local-ipv4": true, "public-ipv4": true}},
		"none at all":         {`[]`, map[string]bool{}},
	} {
		id, err := provider(t, boot(t, c.interfaces, nil).url).Identify(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, key := range []string{"local-ipv4", "public-ipv4", "local-ipv6"} {
			if _, ok := id.Metadata[key]; ok != c.want[key] {
				t.Errorf("%s: %s is %v", name, key, id.Metadata[key])
			}
		}
	}
}

func TestLeaving(t *testing.T) {
	m := boot(t, usual, nil)
	if err := m.service.Notify(clouds.Notice{Kind: "preempted"}); err != nil {
		t.Fatal(err)
	}
	if _, err := provider(t, m.url).Identify(t.Context()); !errors.Is(err, providers.ErrLeaving) {
		t.Errorf("got %v", err)
	}
}

// TestIdentifyFaults has what passes and what does not. No fault may be repeated by both Google's
// library and our own transport.
func TestIdentifyFaults(t *testing.T) {
	for _, c := range []struct {
		fault clouds.Fault
		says  string // "" when it passes
	}{
		{clouds.Fault{Kind: "503", Times: 3}, ""},
		{clouds.Fault{Kind: "429", Times: 3}, ""},
		{clouds.Fault{Kind: "500", Times: 1}, ""},
		{clouds.Fault{Kind: "reset", Times: 3}, ""},
		{clouds.Fault{Kind: "slow", Delay: 20 * time.Millisecond}, ""},
		{clouds.Fault{Kind: "401"}, "401"},
		{clouds.Fault{Kind: "403"}, "proxy of a container"},
		{clouds.Fault{Kind: "404"}, "is not set"},
		{clouds.Fault{Kind: "503"}, "503"},
	} {
		m := boot(t, usual, nil)
		if err := m.faults.Add(c.fault); err != nil {
			t.Fatal(err)
		}
		_, err := provider(t, m.url).Identify(t.Context())
		if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", c.fault.Kind, err)
		}
		most := int64(2)
		if !strings.HasPrefix(c.fault.Kind, "40") {
			most *= attempts // the library's own attempts would make it five times as many
		}
		if n := m.calls.Load(); n > most {
			t.Errorf("%s: %d calls", c.fault.Kind, n)
		}
	}
}

func TestSilentServer(t *testing.T) {
	m := boot(t, usual, nil)
	if err := m.faults.Add(clouds.Fault{Kind: "silent"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := provider(t, m.url).Identify(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestSlowProof shows that signing may take longer than other calls.
func TestSlowProof(t *testing.T) {
	t.Parallel()
	m := boot(t, usual, nil)
	p := provider(t, m.url)
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	fault := clouds.Fault{Kind: "slow", Path: "/computeMetadata/v1/instance/service-accounts/", Delay: 2200 * time.Millisecond}
	if err := m.faults.Add(fault); err != nil {
		t.Fatal(err)
	}
	before := m.calls.Load()
	if _, err := p.Proof(t.Context()); err != nil || m.calls.Load() != before+1 {
		t.Errorf("%v after %d calls", err, m.calls.Load()-before)
	}
}

// TestWhereCallsGo checks that calls go to where the server was said to be, or to either of its usual
// addresses.
func TestWhereCallsGo(t *testing.T) {
	for configured, want := range map[string][]string{
		"":                    {"169.254.169.254", "[fd20:ce::254]"},
		"metadata.test:80":    nil,
		"http://10.0.0.1:80/": nil,
	} {
		var asked atomic.Int64
		d := providers.Deps{Log: slog.New(slog.DiscardHandler), Metadata: transportFunc(func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			if got := imds.Hosts(r.Context()); !slices.Equal(got, want) {
				t.Errorf("%q: either of %v, want %v", configured, got, want)
			}
			if host := strings.Trim(strings.TrimPrefix(configured, "http://"), "/"); host != "" && r.URL.Host != host {
				t.Errorf("%q: asked %s", configured, r.URL.Host)
			}
			return nil, errors.New("nobody there")
		})}
		v := providers.NewValues(map[string]any{"metadataEndpoint": configured})
		probed := gcp.Kind().Probe(t.Context(), v, d)
		_, err := gcp.Kind().New(v, d).Identify(t.Context())
		if probed == nil || err == nil || asked.Load() == 0 {
			t.Errorf("%q: %v, %v after %d calls", configured, probed, err, asked.Load())
		}
	}
}
