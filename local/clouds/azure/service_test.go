package azure_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
)

func TestRequestsThatAreRefused(t *testing.T) {
	c := cloud()
	_, r := launch(t, c, pool(launchConfig))
	s := serve(t, c, r, fixed)
	const instance = "/metadata/instance?api-version=2025-04-07"
	const invalid = `{"error":"Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds","newest-versions":["2025-04-07","2024-07-17","2024-03-15"]}`
	for name, q := range map[string]struct {
		method, target string
		headers        []string
		status         int
		body           string
	}{
		"no Metadata header":    {http.MethodGet, instance, []string{"Accept: */*"}, 400, `{"error":"Bad request. Required metadata header not specified"}`},
		"another Metadata":      {http.MethodGet, instance, []string{"Metadata: 1"}, 400, `{"error":"Bad request. Required metadata header not specified"}`},
		"forwarded":             {http.MethodGet, instance, []string{"Metadata: true", "X-Forwarded-For: 10.0.0.1"}, 400, ""},
		"no version":            {http.MethodGet, "/metadata/instance", nil, 400, invalid},
		"a wrong version":       {http.MethodGet, "/metadata/attested/document?api-version=2025-01-01", nil, 400, invalid},
		"two versions":          {http.MethodGet, instance + "&api-version=2021-02-01", nil, 400, invalid},
		"no version for events": {http.MethodGet, "/metadata/scheduledevents?api-version=2025-04-07", nil, 400, `{"error":"Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds","newest-versions":["2020-07-01","2019-08-01","2019-04-01"]}`},
		"POST":                  {http.MethodPost, instance, nil, 405, ""},
		"DELETE of events":      {http.MethodDelete, "/metadata/scheduledevents?api-version=2020-07-01", nil, 405, ""},
		"an unknown category":   {http.MethodGet, "/metadata/identity?api-version=2025-04-07", nil, 404, ""},
		"another cloud's path":  {http.MethodGet, "/latest/meta-data", nil, 404, ""},
		"an unknown element":    {http.MethodGet, "/metadata/instance/compute/colour?api-version=2025-04-07", nil, 404, ""},
		"below a leaf":          {http.MethodGet, "/metadata/instance/compute/name/x?api-version=2025-04-07", nil, 404, ""},
		"no such interface":     {http.MethodGet, "/metadata/instance/network/interface/7?api-version=2025-04-07", nil, 404, ""},
		"a leaf as JSON":        {http.MethodGet, "/metadata/instance/compute/name?api-version=2025-04-07", nil, 400, ""},
	} {
		status, body := call(t, s, q.method, q.target, "", q.headers...)
		if status != q.status || q.body != "" && body != q.body {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestVersions(t *testing.T) {
	c := cloud()
	_, r := launch(t, c, pool(launchConfig))
	var reply struct{ APIVersions []string }
	get(t, serve(t, c, r, fixed), "/metadata/versions", &reply)
	if n := len(reply.APIVersions); n < 30 || reply.APIVersions[n-1] != "2025-04-07" {
		t.Errorf("%v", reply.APIVersions)
	}
}

func TestInstance(t *testing.T) {
	c := cloud()
	_, r := launch(t, c, pool(launchConfig))
	r.UserData = "aGVsbG8="
	r.Interfaces = append(r.Interfaces, azure.Interface{MAC: "000D3A000001", IPv6: []string{"fd00::1"}})
	s := serve(t, c, r, fixed)
	var i struct {
		Compute struct {
			Name, VMID, VMSize, Location, Zone, Tags, UserData, CustomData, ResourceID, EvictionPolicy string
			TagsList                                                                                   []azure.Tag
		}
		Network struct {
			Interface []struct {
				IPv4, IPv6 struct{ IPAddress []map[string]string }
				MACAddress string
			}
		}
	}
	get(t, s, "/metadata/instance?api-version=2025-04-07", &i)
	v := i.Compute
	if v.Name != r.Name || v.VMID != r.VMID || v.VMSize != "Standard_D2s_v3" || v.Location != "westeurope" || v.Zone != "2" ||
		v.UserData != "aGVsbG8=" || v.CustomData != "" || v.EvictionPolicy != "Delete" ||
		!strings.HasSuffix(v.ResourceID, "/providers/Microsoft.Compute/virtualMachines/"+r.Name) {
		t.Errorf("compute %+v", v)
	}
	if !strings.Contains(v.Tags, "root-url:https://tc.example.com;") || len(v.TagsList) != len(r.Tags) {
		t.Errorf("tags %s, %v", v.Tags, v.TagsList)
	}
	if n := i.Network.Interface; len(n) != 2 || n[0].IPv4.IPAddress[0]["privateIpAddress"] != r.Interfaces[0].IPv4[0].Private ||
		n[0].IPv4.IPAddress[0]["publicIpAddress"] != r.Interfaces[0].IPv4[0].Public ||
		len(n[1].IPv4.IPAddress) != 0 || n[1].IPv6.IPAddress[0]["privateIpAddress"] != "fd00::1" || n[1].MACAddress != "000D3A000001" {
		t.Errorf("network %+v", n)
	}
}

func TestInstanceParts(t *testing.T) {
	c := cloud()
	_, r := launch(t, c, pool(launchConfig))
	r.UserData = "aGVsbG8="
	s := serve(t, c, r, fixed)
	for target, want := range map[string]string{
		"/metadata/instance/compute/vmId?api-version=2017-08-01&format=text":                                           r.VMID,
		"/metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress?api-version=2017-08-01&format=text":   r.Interfaces[0].IPv4[0].Public,
		"/metadata/instance/network/interface/0/ipv4/subnet/0?api-version=2017-08-01":                                  `{"address":"10.0.0.0","prefix":"8"}`,
		"/metadata/instance/?api-version=2017-08-01&format=text":                                                       "compute/\nnetwork/",
		"/metadata/instance/network/interface?api-version=2017-08-01&format=text":                                      "0/",
		"/metadata/instance/compute/userData?api-version=2021-01-01&format=text":                                       "aGVsbG8=",
		"/metadata/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress/?api-version=2025-04-07&format=text": r.Interfaces[0].IPv4[0].Private,
	} {
		if status, body := call(t, s, http.MethodGet, target, ""); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want %q", target, status, body, want)
		}
	}
	// What came later is not in older versions.
	for _, target := range []string{
		"/metadata/instance/compute/userData?api-version=2020-12-01&format=text",
		"/metadata/instance/compute/tagsList?api-version=2019-06-01",
	} {
		if status, body := call(t, s, http.MethodGet, target, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d %q", target, status, body)
		}
	}
}

func TestServeNeedsARecord(t *testing.T) {
	if _, err := cloud().Serve([]byte("{"), clouds.Settings{}); err == nil {
		t.Error("a broken record is served")
	}
}
