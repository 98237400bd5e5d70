package azure_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/local/clouds"
	emulated "github.com/workerkit/workerkit/local/clouds/azure"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/azure"
	"github.com/workerkit/workerkit/providers/providertest"
)

// want is the identity of a machine that is launched as it comes.
func want(m *machine) providers.Identity {
	return providers.Identity{
		RootURL: "https://tc.example.com", ProviderID: "azure-1", WorkerPoolID: "proj/linux",
		WorkerGroup: "westeurope", WorkerID: m.record.Name, InstanceID: m.record.VMID,
		Location: map[string]string{"cloud": "azure", "region": "westeurope"},
		Metadata: map[string]any{
			"vm-id": m.record.VMID, "instance-id": m.record.VMID, "instance-type": "Standard_D2s_v3", "region": "westeurope",
			"local-ipv4": m.record.Interfaces[0].IPv4[0].Private, "public-ipv4": m.record.Interfaces[0].IPv4[0].Public,
		},
	}
}

// TestProvider runs the cases of every provider. Documents differ from call to call, and so the
// metadata is replayed: the first reply to each request is given again.
func TestProvider(t *testing.T) {
	m := boot(t)
	replay := &replay{inner: m.deps.Metadata, replies: map[string][]byte{}}
	m.deps.Metadata = replay
	proof, err := m.provider(t).Proof(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.values["acknowledgeEvents"] = true
	providertest.Run(t, providertest.Case{
		Kind: azure.Kind(), Values: m.values, Want: want(m), Proof: string(proof), Metadata: replay,
	})
}

func TestIdentity(t *testing.T) {
	launchData := base64.StdEncoding.EncodeToString([]byte(
		`{"rootUrl": "https://tc.example.com/", "workerPoolId": "proj/linux", "providerId": "azure-1", "workerGroup": "westeurope", "workerConfig": {}}`))
	for name, c := range map[string]struct {
		change func(*emulated.Record)
		want   func(*providers.Identity)
	}{
		"as launched": {func(*emulated.Record) {}, func(*providers.Identity) {}},
		"no public address": {
			func(r *emulated.Record) { r.Interfaces[0].IPv4[0].Public = "" },
			func(i *providers.Identity) { i.Metadata["public-ipv4"] = "" },
		},
		"several interfaces": {
			func(r *emulated.Record) {
				r.Interfaces = append(r.Interfaces, emulated.Interface{MAC: "000D3A000001", IPv4: []emulated.Address{{Private: "10.9.9.9"}, {Private: "10.9.9.10"}}})
			},
			func(*providers.Identity) {},
		},
		"IPv6 first": {
			func(r *emulated.Record) {
				r.Interfaces = append([]emulated.Interface{{MAC: "000D3A000001", IPv6: []string{"fd00::1"}}}, r.Interfaces...)
			},
			func(*providers.Identity) {},
		},
		"IPv6 only": {
			func(r *emulated.Record) {
				r.Interfaces = []emulated.Interface{{MAC: "000D3A000001", IPv6: []string{"fd00::1"}}}
			},
			func(i *providers.Identity) { delete(i.Metadata, "local-ipv4"); delete(i.Metadata, "public-ipv4") },
		},
		"zone": {
			func(r *emulated.Record) { r.Zone = "2" },
			func(i *providers.Identity) { i.Metadata["zone"] = "2" },
		},
		"tags in another case": {
			func(r *emulated.Record) {
				for i := range r.Tags {
					r.Tags[i].Name = strings.ToUpper(r.Tags[i].Name)
				}
			},
			func(*providers.Identity) {},
		},
		"no tags, but user data": {
			func(r *emulated.Record) { r.Tags, r.UserData = nil, launchData },
			func(*providers.Identity) {},
		},
		"a tag before user data": {
			func(r *emulated.Record) {
				r.Tags, r.UserData = []emulated.Tag{{Name: "provider-id", Value: "azure-2"}}, launchData
			},
			func(i *providers.Identity) { i.ProviderID = "azure-2" },
		},
		"somebody's own user data": {
			func(r *emulated.Record) { r.UserData = base64.StdEncoding.EncodeToString([]byte("#cloud-config\n")) },
			func(*providers.Identity) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := boot(t)
			expected := want(m)
			m = boot(t, func(r *emulated.Record) { *r = m.record; c.change(r) })
			c.want(&expected)
			got, err := azure.Kind().New(providers.NewValues(m.values), m.deps).Identify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEachMissingTagIsNamed(t *testing.T) {
	m := boot(t, func(r *emulated.Record) { r.Tags = []emulated.Tag{{Name: "provider-id", Value: "azure-1"}} })
	_, err := azure.Kind().New(providers.NewValues(m.values), m.deps).Identify(t.Context())
	if err == nil {
		t.Fatal("a machine without tags has an identity")
	}
	for tag, missing := range map[string]bool{"root-url": true, "worker-pool-id": true, "worker-group": true, "provider-id": false} {
		if strings.Contains(err.Error(), "tag "+tag) != missing {
			t.Errorf("%s: %v", tag, err)
		}
	}
}

func TestEachWrongNameIsNamed(t *testing.T) {
	m := boot(t, func(r *emulated.Record) {
		r.Name = strings.Repeat("x", 39)
		for i := range r.Tags {
			r.Tags[i].Value = "what is this?"
		}
	})
	_, err := azure.Kind().New(providers.NewValues(m.values), m.deps).Identify(t.Context())
	if err == nil {
		t.Fatal("a machine with wrong tags has an identity")
	}
	for _, what := range []string{"tag root-url", "tag worker-pool-id", "tag provider-id", "tag worker-group", `name "xxxx`} {
		if !strings.Contains(err.Error(), what) {
			t.Errorf("%s is not in: %v", what, err)
		}
	}
}

// TestSlowProof shows that signing may take longer than other calls.
func TestSlowProof(t *testing.T) {
	t.Parallel()
	m := boot(t)
	// Each attempt is that slow: none that is given up after 2 seconds succeeds.
	fault := clouds.Fault{Kind: "slow", Path: "/metadata/attested/", Delay: 2200 * time.Millisecond}
	if err := m.faults.Add(fault); err != nil {
		t.Fatal(err)
	}
	if _, err := azure.Kind().New(providers.NewValues(m.values), m.deps).Proof(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestProofIsFreshAndVerifies shows that worker-manager takes the proof, and a new one each time.
func TestProofIsFreshAndVerifies(t *testing.T) {
	m := boot(t)
	p := m.provider(t)
	record, err := json.Marshal(m.record)
	if err != nil {
		t.Fatal(err)
	}
	// A document of long ago is refused, so the second proof can only be good when it is new.
	if err := m.faults.Add(clouds.Fault{Kind: "clock", Delay: -7 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	for i, good := range []bool{false, true} {
		proof, err := p.Proof(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := cloud().Verify(proof, "", record); (err == nil) != good {
			t.Errorf("proof %d: %v", i, err)
		}
		m.faults.Clear()
	}
}

func TestProofNeedsPKCS7(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("nonce") {
			t.Error("a nonce is sent")
		}
		_, _ = io.WriteString(w, `{"encoding": "cose", "signature": "AAAA"}`)
	}))
	defer server.Close()
	m := boot(t)
	m.values["metadataEndpoint"] = server.URL
	_, err := azure.Kind().New(providers.NewValues(m.values), m.deps).Proof(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cose") || strings.Contains(err.Error(), "AAAA") {
		t.Errorf("error %v", err)
	}
}

func TestFaultsBeforeTheStart(t *testing.T) {
	for kind, recovers := range map[string]bool{"429": true, "503": true, "reset": true, "404": false, "403": false} {
		t.Run(kind, func(t *testing.T) {
			m := boot(t)
			if err := m.faults.Add(clouds.Fault{Kind: kind, Path: "/metadata/instance", Times: 2}); err != nil {
				t.Fatal(err)
			}
			_, err := azure.Kind().New(providers.NewValues(m.values), m.deps).Identify(t.Context())
			switch {
			case recovers && err != nil:
				t.Errorf("two faults are too much: %v", err)
			case !recovers && (err == nil || !strings.Contains(err.Error(), kind)):
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestRefusal shows that the service's own words are in the error.
func TestRefusal(t *testing.T) {
	m := boot(t)
	m.values["metadataEndpoint"] = m.values["metadataEndpoint"].(string) + "/elsewhere"
	_, err := azure.Kind().New(providers.NewValues(m.values), m.deps).Identify(t.Context())
	if err == nil || !strings.Contains(err.Error(), `404 Not Found: "Not found"`) {
		t.Errorf("error %v", err)
	}
}

func TestProbe(t *testing.T) {
	m := boot(t)
	probe := func() error {
		ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
		defer done()
		return azure.Kind().Probe(ctx, providers.NewValues(m.values), m.deps)
	}
	if err := probe(); err != nil {
		t.Errorf("Azure: %v", err)
	}
	if err := m.faults.Add(clouds.Fault{Kind: "503", Times: 1}); err != nil {
		t.Fatal(err)
	}
	if err := probe(); err == nil {
		t.Error("a probe is repeated")
	}
	for name, reply := range map[string]string{"another cloud": "latest\n", "nothing in it": "{}"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, reply) }))
		m.values["metadataEndpoint"] = server.URL
		if err := probe(); err == nil {
			t.Errorf("%s is taken for Azure", name)
		}
		server.Close()
	}
}

// TestNoProxy shows that a proxy in the environment is not asked.
func TestNoProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy is asked") }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "")
	m := boot(t)
	m.provider(t)
}

// replay gives the first reply to each request again.
type replay struct {
	inner   http.RoundTripper
	replies map[string][]byte
}

func (r *replay) RoundTrip(q *http.Request) (*http.Response, error) {
	if _, known := r.replies[q.URL.String()]; !known {
		response, err := r.inner.RoundTrip(q)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		r.replies[q.URL.String()] = body
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Request: q, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(string(r.replies[q.URL.String()]))),
	}, nil
}
