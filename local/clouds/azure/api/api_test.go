package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure/api"
)

const (
	group   = "/subscriptions/s/resourceGroups/build"
	compute = group + "/providers/Microsoft.Compute/"
	gallery = "/subscriptions/s/resourceGroups/images/providers/Microsoft.Compute/galleries/g/images/linux"
)

// template is a deployment with every form of expression that packer writes.
const template = `{"properties": {"mode": "Incremental", "parameters": {"vm": {"value": "vm1"}}, "template": {
	"parameters": {"vm": {"type": "string"}, "size": {"type": "string", "defaultValue": "Standard_D2s_v5"}, "script": {"type": "string", "defaultValue": ""}},
	"variables": {"ip": "[concat('ip-', parameters('vm'))]", "where": "[resourceGroup().location]"},
	"resources": [
		{"type": "Microsoft.Network/publicIPAddresses", "name": "[variables('ip')]", "location": "[variables('where')]",
			"condition": "[not(empty(parameters('vm')))]"},
		{"type": "Microsoft.Compute/virtualMachines/extensions", "name": "[concat(parameters('vm'), '/extension-customscript')]",
			"condition": "[not(empty(parameters('script')))]"},
		{"type": "Microsoft.Compute/virtualMachines", "name": "[parameters('vm')]", "location": "[variables('where')]",
			"dependsOn": ["[resourceId('Microsoft.Network/publicIPAddresses', variables('ip'))]"],
			"properties": {
				"hardwareProfile": {"vmSize": "[parameters('size')]"},
				"storageProfile": {
					"imageReference": {"publisher": "Debian", "offer": "debian-12", "sku": "12-gen2", "version": "latest"},
					"osDisk": {"name": "os1"}
				},
				"osProfile": {"linuxConfiguration": {"ssh": {"publicKeys": [{"path": "[concat('/home/', 'packer')]", "keyData": "ssh-rsa AAAAkey"}]}}}
			}}
	]}}}`

// call makes a call and returns its JSON.
func call(t *testing.T, a *api.API, method, path, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path+"?api-version=2022-03-01", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer t")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
	return w.Code, answer
}

// good makes a call that must succeed.
func good(t *testing.T, a *api.API, method, path, body string) map[string]any {
	t.Helper()
	status, answer := call(t, a, method, path, body)
	if status >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

// deployed is an Azure with a gallery, and with what the template makes.
func deployed(t *testing.T, o clouds.BuildOptions) *api.API {
	t.Helper()
	a := api.New(o)
	if err := a.Existing(gallery); err != nil {
		t.Fatal(err)
	}
	good(t, a, "PUT", group, `{"location": "westeurope", "tags": {"run": "r1"}}`)
	good(t, a, "POST", group+"/providers/Microsoft.Resources/deployments/d/validate", template)
	good(t, a, "PUT", group+"/providers/Microsoft.Resources/deployments/d", template)
	return a
}

// TestLife is what a build does, with what is there at each step.
func TestLife(t *testing.T) {
	var booted []string
	halted := 0
	a := deployed(t, clouds.BuildOptions{
		Boot: func(_ string, keys []string) error {
			booted = keys
			return nil
		},
		Halt: func(string) { halted++ },
	})
	if !slices.Equal(booted, []string{"ssh-rsa AAAAkey"}) {
		t.Errorf("booted with the keys %q", booted)
	}
	var left []string
	for _, r := range a.Leftovers() {
		left = append(left, r.Kind[strings.LastIndex(r.Kind, "/")+1:])
	}
	if want := []string{"resourceGroups", "disks", "virtualMachines", "publicIPAddresses", "deployments"}; !slices.Equal(left, want) {
		t.Errorf("there is %v, want %v", left, want)
	}
	ip := good(t, a, "GET", group+"/providers/Microsoft.Network/publicIPAddresses/IP-VM1", "")
	if ip["properties"].(map[string]any)["ipAddress"] != "127.0.0.1" || ip["location"] != "westeurope" {
		t.Errorf("public address %v", ip)
	}
	operations := good(t, a, "GET", group+"/providers/Microsoft.Resources/deployments/d/operations", "")
	if len(operations["value"].([]any)) != 2 {
		t.Errorf("operations of the deployment: %v", operations)
	}
	const source = `{"location": "westeurope", "tags": {"run": "r1"}, "properties": {"sourceVirtualMachine": {"id": "` + compute + `virtualMachines/vm1"}}}`
	const image = "/subscriptions/s/resourceGroups/images/providers/Microsoft.Compute/images/worker"
	if status, answer := call(t, a, "PUT", image, source); status != http.StatusConflict {
		t.Errorf("an image of a machine that runs: %d %v", status, answer)
	}
	if status, _ := call(t, a, "POST", compute+"virtualMachines/vm1/generalize", ""); status != http.StatusConflict {
		t.Errorf("generalize a machine that runs: %d", status)
	}
	good(t, a, "POST", compute+"virtualMachines/vm1/deallocate", "")
	good(t, a, "POST", compute+"virtualMachines/vm1/generalize", "")
	if status, _ := call(t, a, "POST", compute+"virtualMachines/vm1/start", ""); status != http.StatusConflict {
		t.Errorf("start a generalized machine: %d", status)
	}
	good(t, a, "PUT", image, source)
	good(t, a, "PUT", gallery+"/versions/1.0.0", `{"location": "westeurope", "properties": {"storageProfile": {"source": {"id": "`+image+`"}}}}`)
	good(t, a, "DELETE", group, "")
	if left := a.Leftovers(); len(left) > 0 || halted != 1 {
		t.Errorf("left over: %v; halted %d times", left, halted)
	}
	if images := a.Images(); len(images) != 2 || images[1].ID != image || images[1].Tags["run"] != "r1" {
		t.Errorf("images %v", images)
	}
	good(t, a, "PATCH", image, `{"tags": {"state": "revoked"}}`)
	list := good(t, a, "GET", "/subscriptions/s/providers/Microsoft.Compute/images", "")
	if text := fmt.Sprint(list); !strings.Contains(text, "run:r1") || !strings.Contains(text, "state:revoked") {
		t.Errorf("list %v", list)
	}
	for collection, want := range map[string]int{gallery + "/versions": 1, strings.Replace(gallery, "linux", "other", 1) + "/versions": 0} {
		if want == 0 {
			good(t, a, "PUT", strings.TrimSuffix(collection, "/versions"), "{}")
		}
		if list := good(t, a, "GET", collection, "")["value"].([]any); len(list) != want {
			t.Errorf("%s: %v", collection, list)
		}
	}
	good(t, a, "DELETE", gallery+"/versions/1.0.0", "")
	good(t, a, "DELETE", image, "")
	if images := a.Images(); len(images) > 0 {
		t.Errorf("images %v", images)
	}
}

// TestGroupTakesRunningMachinesAlong is the clean-up of a build that failed.
func TestGroupTakesRunningMachinesAlong(t *testing.T) {
	halted := 0
	a := deployed(t, clouds.BuildOptions{Halt: func(string) { halted++ }})
	good(t, a, "DELETE", strings.ToUpper(group), "")
	if left := a.Leftovers(); len(left) > 0 || halted != 1 {
		t.Errorf("left over: %v; halted %d times", left, halted)
	}
}

func TestErrors(t *testing.T) {
	a := deployed(t, clouds.BuildOptions{Base: func(name string) bool { return name == "Debian:debian-12:12-gen2:latest" }})
	const deployment = group + "/providers/Microsoft.Resources/deployments/e"
	with := func(resource string) string {
		return `{"properties": {"template": {"resources": [` + resource + `]}}}`
	}
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"unknown call":          {"POST", group, "{}", 501, "NotImplemented"},
		"unknown group":         {"GET", "/subscriptions/s/resourceGroups/x", "", 404, "ResourceGroupNotFound"},
		"in an unknown group":   {"PUT", "/subscriptions/s/resourceGroups/x/providers/Microsoft.Compute/disks/d", "{}", 404, "ResourceGroupNotFound"},
		"delete unknown group":  {"DELETE", "/subscriptions/s/resourceGroups/x", "", 404, "ResourceGroupNotFound"},
		"unknown machine":       {"GET", compute + "virtualMachines/x", "", 404, "ResourceNotFound"},
		"stop unknown":          {"POST", compute + "virtualMachines/x/deallocate", "", 404, "ResourceNotFound"},
		"version of no image":   {"PUT", compute + "galleries/g/images/i/versions/1.0.0", "{}", 404, "ParentResourceNotFound"},
		"version of nothing":    {"PUT", gallery + "/versions/1.0.0", "{}", 400, "InvalidParameter"},
		"version of gone image": {"PUT", gallery + "/versions/1.0.0", `{"properties": {"storageProfile": {"source": {"id": "/x"}}}}`, 404, "NotFound"},
		"image of no machine":   {"PUT", compute + "images/i", `{"properties": {"sourceVirtualMachine": {"id": "/x"}}}`, 404, "NotFound"},
		"not a path":            {"GET", "/tenants", "", 400, "InvalidRequestUri"},
		"not JSON":              {"PUT", group, "{", 400, "InvalidRequestContent"},
		"no template":           {"PUT", deployment, "{}", 400, "InvalidTemplate"},
		"unknown parameter":     {"PUT", deployment, with(`{"type": "Microsoft.Compute/disks", "name": "[parameters('x')]"}`), 400, "InvalidTemplate"},
		"unknown variable":      {"PUT", deployment, with(`{"type": "Microsoft.Compute/disks", "name": "[variables('x')]"}`), 400, "InvalidTemplate"},
		"unknown function":      {"PUT", deployment, with(`{"type": "Microsoft.Compute/disks", "name": "[guid('x')]"}`), 400, "InvalidTemplate"},
		"broken expression":     {"PUT", deployment, with(`{"type": "Microsoft.Compute/disks", "name": "[concat('x']"}`), 400, "InvalidTemplate"},
		"open string":           {"PUT", deployment, with(`{"type": "Microsoft.Compute/disks", "name": "[concat('x]"}`), 400, "InvalidTemplate"},
		"more than one":         {"PUT", deployment, with(`{"type": "Microsoft.Compute/disks", "name": "['x' 'y']"}`), 400, "InvalidTemplate"},
		"no expression":         {"PUT", deployment, with(`{"type": "Microsoft.Compute/disks", "name": "[x]"}`), 400, "InvalidTemplate"},
		"no name":               {"PUT", deployment, with(`{"type": "Microsoft.Compute/disks/x", "name": "d"}`), 400, "InvalidTemplate"},
		"base that is not":      {"PUT", deployment, strings.Replace(template, "debian-12", "debiam-12", 1), 404, "PlatformImageNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := call(t, a, c.method, c.path, c.body)
			problem, _ := answer["error"].(map[string]any)
			if status != c.status || problem["code"] != c.code {
				t.Errorf("%d %v, want %d %s", status, answer, c.status, c.code)
			}
		})
	}
}

// TestWhoAsksNicely: the answer without a token is how clients find the tenant.
func TestWhoAsksNicely(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	ask := func(path, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w
	}
	w := ask("/subscriptions/s?api-version=1", "")
	if w.Code != http.StatusUnauthorized || !strings.Contains(w.Header().Get("WWW-Authenticate"), "https://login.microsoftonline.com/") {
		t.Errorf("without a token: %d %v", w.Code, w.Header())
	}
	if w := ask("/subscriptions/s", "Bearer t"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "MissingApiVersionParameter") {
		t.Errorf("without a version: %d %s", w.Code, w.Body)
	}
	if w := ask("/tenant/v2.0/.well-known/openid-configuration", ""); !strings.Contains(w.Body.String(), `"token_endpoint"`) {
		t.Errorf("configuration: %s", w.Body)
	}
	if w := ask("/common/discovery/instance", ""); !strings.Contains(w.Body.String(), `"tenant_discovery_endpoint"`) {
		t.Errorf("discovery: %s", w.Body)
	}
	if w := ask("/tenant/oauth2/authorize", ""); w.Code != http.StatusNotImplemented {
		t.Errorf("what is not emulated: %d", w.Code)
	}
}

func TestTroubles(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	for kind, want := range map[clouds.Trouble]string{
		clouds.Throttled: "TooManyRequests", clouds.NoCapacity: "SkuNotAvailable",
		clouds.Broken: "InternalServerError", clouds.Forbidden: "AuthorizationFailed",
	} {
		if err := a.Troubles.Add("Microsoft.Resources/subscriptions/resourceGroups/write", kind, 1); err != nil {
			t.Fatal(err)
		}
		if status, answer := call(t, a, "PUT", group, "{}"); status < 400 || !strings.Contains(fmt.Sprint(answer), want) {
			t.Errorf("%s: %d %v", kind, status, answer)
		}
	}
	if left := a.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestSecretsStayOut(t *testing.T) {
	var logged bytes.Buffer
	a := api.New(clouds.BuildOptions{Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	token := good(t, a, "POST", "/tenant/oauth2/token", "client_secret=hush")["access_token"].(string)
	good(t, a, "PUT", group, `{"location": "westeurope"}`)
	if text := logged.String(); strings.Contains(text, token) || strings.Contains(text, "hush") || !strings.Contains(text, "resourceGroups/write") {
		t.Errorf("log: %s", text)
	}
}

func TestExistingWantsAnID(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	for _, id := range []string{"images", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images"} {
		if err := a.Existing(id); err == nil {
			t.Errorf("%s: no error", id)
		}
	}
}
