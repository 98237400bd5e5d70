package aws_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/aws"
	"github.com/workerkit/workerkit/providers/providertest"
)

// want is the identity of an instance.
func want(t *testing.T, i *instance) providers.Identity {
	t.Helper()
	id := providers.Identity{
		RootURL: "https://tc.example.com", ProviderID: "aws-provider", WorkerPoolID: "proj/linux",
		WorkerGroup: "eu-west-2", WorkerID: i.machine.WorkerID, InstanceID: i.machine.WorkerID,
		Location: map[string]string{"cloud": "aws", "region": "eu-west-2", "availabilityZone": "eu-west-2a"},
		Metadata: map[string]any{
			"instance-id": i.machine.WorkerID, "image": "ami-0abc", "instance-type": i.record(t, "instanceType"),
			"region": "eu-west-2", "availability-zone": "eu-west-2a", "local-ipv4": i.record(t, "privateIp"),
		},
	}
	if address := i.record(t, "publicIp"); address != "" {
		id.Metadata["public-ipv4"], id.Metadata["public-hostname"] = address, i.record(t, "publicHostname")
	}
	return id
}

// fetch reads a path as an instance would, with a token.
func fetch(t *testing.T, rt http.RoundTripper, url, path string) string {
	t.Helper()
	token := ""
	for _, step := range []struct{ method, path string }{{http.MethodPut, "api/token"}, {http.MethodGet, path}} {
		r, err := http.NewRequestWithContext(t.Context(), step.method, url+"/latest/"+step.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-aws-ec2-metadata-token-ttl-seconds", "60")
		r.Header.Set("X-aws-ec2-metadata-token", token)
		response, err := rt.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(step.path, response.Status, err)
		}
		token = string(data)
	}
	return token
}

func TestEveryProvidersCases(t *testing.T) {
	for name, config := range map[string]string{"public": poolConfig, "no public address, two interfaces": privateConfig} {
		t.Run(name, func(t *testing.T) {
			i := launch(t, config)
			url, rt := serve(t, i), transport(t)
			proof, err := json.Marshal(map[string]string{
				"document":  fetch(t, rt, url, "dynamic/instance-identity/document"),
				"signature": fetch(t, rt, url, "dynamic/instance-identity/signature"),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := i.cloud.Verify(proof, "https://tc.example.com", i.machine.Record); err != nil {
				t.Errorf("the proof is not taken: %v", err)
			}
			providertest.Run(t, providertest.Case{
				Kind: aws.Kind(), Values: map[string]any{"metadataEndpoint": url}, Want: want(t, i), Proof: string(proof), Metadata: rt,
			})
		})
	}
}

// TestMatches uses what machines of these makers say.
func TestMatches(t *testing.T) {
	matches := aws.Kind().Matches
	for name, c := range map[string]struct {
		facts providers.Facts
		want  bool
	}{
		"EC2 on Nitro":           {providers.Facts{BIOSVendor: "Amazon EC2", BIOSVersion: "1.0", Vendor: "Amazon EC2", Product: "c6i.large", AssetTag: "Amazon EC2"}, true},
		"EC2 without hypervisor": {providers.Facts{BIOSVendor: "Amazon EC2", BIOSVersion: "1.0", Vendor: "Amazon EC2", Product: "m5.metal", AssetTag: "Amazon EC2"}, true},
		"EC2 on Xen":             {providers.Facts{BIOSVendor: "Xen", BIOSVersion: "4.11.amazon", Vendor: "Xen", Product: "HVM domU"}, true},
		"another Xen":            {providers.Facts{BIOSVendor: "Xen", BIOSVersion: "4.7.5-1.21", Vendor: "Xen", Product: "HVM domU"}, false},
		"GCE":                    {providers.Facts{BIOSVendor: "Google", BIOSVersion: "Google", Vendor: "Google", Product: "Google Compute Engine"}, false},
		"Azure":                  {providers.Facts{BIOSVendor: "Microsoft Corporation", BIOSVersion: "Hyper-V UEFI Release v4.1", Vendor: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: "7783-7084-3265-9085-8269-3286-77"}, false},
		"Hyper-V on premises":    {providers.Facts{BIOSVendor: "American Megatrends Inc.", BIOSVersion: "090008", Vendor: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: "0526-1947-6571-9583-2911-3040-68"}, false},
		"VMware":                 {providers.Facts{BIOSVendor: "Phoenix Technologies LTD", BIOSVersion: "6.00", Vendor: "VMware, Inc.", Product: "VMware Virtual Platform", AssetTag: "No Asset Tag"}, false},
		"QEMU":                   {providers.Facts{BIOSVendor: "SeaBIOS", BIOSVersion: "1.16.2", Vendor: "QEMU", Product: "Standard PC (Q35 + ICH9, 2009)"}, false},
		"Dell":                   {providers.Facts{BIOSVendor: "Dell Inc.", BIOSVersion: "2.19.1", Vendor: "Dell Inc.", Product: "PowerEdge R740", AssetTag: "Amazon warehouse"}, false},
		"Mac":                    {providers.Facts{Vendor: "Apple Inc.", Product: "Macmini9,1"}, false},
		"nothing known":          {providers.Facts{}, false},
	} {
		if got := matches(c.facts); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFields(t *testing.T) {
	good := map[string][]string{
		"metadataEndpoint":     {"http://169.254.169.254", "http://[fd00:ec2::254]", "http://127.0.0.1:4711/"},
		"metadataEndpointMode": {"IPv4", "IPv6", "ipv6"},
	}
	bad := map[string][]string{
		"metadataEndpoint":     {"169.254.169.254", "https://x", "http://x/latest", "http://"},
		"metadataEndpointMode": {"4", "dual"},
	}
	for _, f := range aws.Kind().Fields {
		for _, text := range good[f.Name] {
			if err := f.Check(text); err != nil {
				t.Errorf("%s %s: %v", f.Name, text, err)
			}
		}
		for _, text := range bad[f.Name] {
			if f.Check(text) == nil {
				t.Errorf("%s %s is allowed", f.Name, text)
			}
		}
	}
}

// addressed is a transport that only wants to know where calls go.
type addressed struct{ hosts map[string]bool }

func (a addressed) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, host := range imds.Hosts(r.Context()) {
		a.hosts[host] = true
	}
	a.hosts[r.URL.Host] = true
	return nil, errors.New("nobody there")
}

// TestEndpoint also shows that the SDK reads nothing from the environment by itself.
func TestEndpoint(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, c := range []struct {
		values map[string]any
		hosts  []string
	}{
		{nil, []string{"169.254.169.254", "[fd00:ec2::254]"}},
		{map[string]any{"metadataEndpointMode": "IPv4"}, []string{"169.254.169.254"}},
		{map[string]any{"metadataEndpointMode": "ipv6"}, []string{"[fd00:ec2::254]"}},
		{map[string]any{"metadataEndpointMode": "IPv6", "metadataEndpoint": "http://metadata.test:80/"}, []string{"metadata.test:80"}},
	} {
		a := addressed{hosts: map[string]bool{}}
		err := aws.Kind().Probe(t.Context(), providers.NewValues(c.values), providers.Deps{Metadata: a})
		if got := slices.Sorted(maps.Keys(a.hosts)); err == nil || !slices.Equal(got, c.hosts) {
			t.Errorf("%v: asked %v; %v", c.values, a.hosts, err)
		}
	}
}

func TestProbe(t *testing.T) {
	i := launch(t, poolConfig)
	probe := func(h http.Handler) error {
		v := providers.NewValues(map[string]any{"metadataEndpoint": serve(t, h)})
		return aws.Kind().Probe(t.Context(), v, providers.Deps{Metadata: transport(t)})
	}
	if err := probe(i); err != nil || i.count() != 2 {
		t.Errorf("%v after %v", err, i.requests)
	}
	for name, h := range map[string]http.Handler{
		"another cloud":  http.NotFoundHandler(),
		"answers to all": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }),
	} {
		if err := probe(h); err == nil {
			t.Errorf("%s is taken for EC2", name)
		}
	}
}

func TestStartReadsAtOnce(t *testing.T) {
	i := launch(t, poolConfig)
	i.spoil(t, clouds.Fault{Kind: "slow", Delay: 300 * time.Millisecond})
	url, rt := serve(t, i), imds.New(quick())
	t.Cleanup(rt.Close)
	if _, err := provider(url, rt, &journal{}).Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if i.most < 3 { // five at the same time, unless this machine is very busy
		t.Errorf("at most %d calls at the same time", i.most)
	}
	// The token, all the rest, and the second of the two questions about the spot instance.
	if !slices.Contains(i.requests, "GET /latest/meta-data/spot/termination-time") || i.count() != 7 {
		t.Errorf("asked %v", i.requests)
	}
}

func TestStartWhenTheInstanceIsLeaving(t *testing.T) {
	for _, kind := range []string{"spot-terminate", "spot-stop", "spot-hibernate"} {
		i := launch(t, poolConfig)
		i.notify(t, clouds.Notice{Kind: kind, In: 2 * time.Minute})
		_, err := provider(serve(t, i), transport(t), &journal{}).Identify(t.Context())
		if !errors.Is(err, providers.ErrLeaving) || !strings.Contains(err.Error(), kind) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestStartSurvivesWhatPasses(t *testing.T) {
	for _, kind := range []string{"429", "500", "503", "reset"} {
		i := launch(t, poolConfig)
		i.spoil(t, clouds.Fault{Kind: kind, Times: 3})
		got, err := provider(serve(t, i), transport(t), &journal{}).Identify(t.Context())
		if err != nil || got.WorkerID != i.machine.WorkerID {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestOneNewTokenWhenItIsNotTaken(t *testing.T) {
	i := launch(t, poolConfig)
	p := provider(serve(t, i), transport(t), &journal{})
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	i.spoil(t, clouds.Fault{Kind: "clock", Delay: 6 * time.Hour}) // all tokens so far have expired
	if _, err := p.Proof(t.Context()); err != nil {
		t.Errorf("proof with an expired token: %v", err)
	}
	i.spoil(t, clouds.Fault{Kind: "401", Path: "/latest/dynamic"})
	before := i.count()
	if _, err := p.Proof(t.Context()); err == nil || !strings.Contains(err.Error(), "401 Unauthorized to dynamic/instance-identity/") {
		t.Errorf("no token is taken: %v", err)
	}
	if n := i.count() - before; n > 8 {
		t.Errorf("%d requests", n)
	}
}

func TestMessagesLeadToTheRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		faults []clouds.Fault
		want   string
	}{
		"hop limit":         {[]clouds.Fault{{Kind: "silent", Path: "/latest/api/token"}}, "HttpPutResponseHopLimit"},
		"hop limit, reset":  {[]clouds.Fault{{Kind: "reset", Path: "/latest/api/token"}}, "HttpPutResponseHopLimit"},
		"nothing answers":   {[]clouds.Fault{{Kind: "reset"}}, "nothing answers at http://127.0.0.1"},
		"switched off":      {[]clouds.Fault{{Kind: "403"}}, "HttpEndpoint in the instance's metadata options must be enabled"},
		"not EC2":           {[]clouds.Fault{{Kind: "404"}}, "not EC2's"},
		"broken":            {[]clouds.Fault{{Kind: "500", Path: "/latest/dynamic"}}, "500 Internal Server Error to dynamic/instance-identity/document"},
		"without user data": {[]clouds.Fault{{Kind: "404", Path: "/latest/user-data"}}, "user data is missing: it must be the JSON object with rootUrl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := launch(t, poolConfig)
			i.spoil(t, c.faults...)
			began := time.Now()
			ctx := imds.Within(t.Context(), time.Second) // of which a busy machine needs some to answer at all
			_, err := provider(serve(t, i), transport(t), &journal{}).Identify(ctx)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v; want %q", err, c.want)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("took %v: that is not the transport's patience", took)
			}
		})
	}
}

// TestStartWithoutWhatItCanDoWithout lets the reads fail that identity does not need.
func TestStartWithoutWhatItCanDoWithout(t *testing.T) {
	i := launch(t, poolConfig)
	i.spoil(t, clouds.Fault{Kind: "500", Path: "/latest/meta-data/"})
	j := &journal{}
	got, err := provider(serve(t, i), transport(t), j).Identify(t.Context())
	if err != nil || got.WorkerID != i.machine.WorkerID || got.Metadata["public-ipv4"] != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if n := strings.Count(j.String(), "the start goes on without"); n != 3 {
		t.Errorf("%d lines tell of it:\n%s", n, j)
	}
}

func TestUserDataThatIsNotWorkerManagers(t *testing.T) {
	i := launch(t, poolConfig)
	for data, want := range map[string]string{
		"":                       "is missing",
		"#!/bin/sh\nPW=hunter2":  "is no such JSON",
		`{"rootUrl": 3}`:         "is no such JSON",
		`["hunter2"]`:            "is no such JSON",
		`{"password":"hunter2"}`: "has no rootUrl",
		`{"rootUrl":"hunter2"}`:  "has a rootUrl that cannot be one",
		`{"rootUrl":"http://t","workerPoolId":"hunter2"}`:                                               "has a workerPoolId that cannot be one",
		`{"rootUrl":"http://t","workerPoolId":"a/b"}`:                                                   "has no providerId",
		`{"rootUrl":"http://t","workerPoolId":"a/b","providerId":"p","workerGroup":"hunter 2 hunter2"}`: "has a workerGroup that cannot be one",
	} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/latest/user-data" {
				_, _ = io.WriteString(w, data)
				return
			}
			i.ServeHTTP(w, r)
		})
		_, err := provider(serve(t, h), transport(t), &journal{}).Identify(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "launched by it?") ||
			strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", data, err, want)
		}
	}
}

func TestEndOfTheContextEndsIdentify(t *testing.T) {
	i := launch(t, poolConfig)
	i.spoil(t, clouds.Fault{Kind: "silent"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := provider(serve(t, i), transport(t), &journal{}).Identify(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
