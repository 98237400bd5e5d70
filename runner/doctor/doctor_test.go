package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/doctor"
)

// cloud is a provider that answers as it is told.
type cloud struct {
	rootURL         string
	identify, proof error
}

func (c cloud) Identify(context.Context) (providers.Identity, error) {
	return providers.Identity{RootURL: c.rootURL, WorkerPoolID: "p/w", WorkerGroup: "g", WorkerID: "w"}, c.identify
}

func (c cloud) Proof(context.Context) (json.RawMessage, error) {
	return json.RawMessage(`"HIDDEN"`), c.proof
}

// clinic is a healthy machine of a cloud with its deployment; tests break something.
type clinic struct {
	cloud   cloud
	status  int
	patient doctor.Patient
	deps    doctor.Deps
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{status: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/worker-manager/v1/ping" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(c.status)
	}))
	t.Cleanup(server.Close)
	c.cloud.rootURL = server.URL
	c.patient = doctor.Patient{ConfigPath: "runner.yml", Config: config.Config{
		Place: config.Place{Why: "the firmware says so", Kind: providers.Kind{
			Name: "cloud", Ephemeral: true,
			New: func(providers.Values, providers.Deps) providers.Provider { return c.cloud },
		}},
		Worker:    config.Worker{Implementation: config.Dummy},
		StateFile: filepath.Join(t.TempDir(), "deep", "state.json"),
	}}
	c.deps = doctor.Deps{
		Log: slog.New(slog.DiscardHandler), HTTP: server.Client(),
		Proxy:  func(*http.Request) (*url.URL, error) { return nil, nil },
		Lookup: func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil },
		Getenv: func(string) string { return "" }, Now: time.Now,
		Free: func(string) (uint64, error) { return 1 << 40, nil },
		Ask:  func(context.Context) (bool, error) { return true, nil },

		Containers: func(context.Context) (string, error) { return "Docker", nil },
	}
	return c
}

func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		breaks         func(*clinic)
		check          string
		result         doctor.Result
		detail, remedy string
	}{
		"a fine machine":        {func(*clinic) {}, "metadata", doctor.OK, "gives a proof", ""},
		"a bad config":          {func(c *clinic) { c.patient.Problems = []error{errors.New("runner.yml:3: x")} }, "config", doctor.Fail, "runner.yml:3: x", "start-worker doctor runner.yml again"},
		"a warning":             {func(c *clinic) { c.patient.Warnings = []string{"w"} }, "config", doctor.Warn, "w", ""},
		"no config":             {func(c *clinic) { c.patient.ConfigPath = "" }, "config", doctor.OK, "none is given", ""},
		"no config, no place":   {undetected, "place", doctor.Fail, "nothing says it", "provider.providerType in a config"},
		"a bad provider file":   {badFile, "place", doctor.Fail, "p.hcl:3: x", ""},
		"no metadata":           {func(c *clinic) { c.cloud.identify = errors.New("hop limit") }, "metadata", doctor.Fail, "hop limit", "metadata service must answer"},
		"going away":            {func(c *clinic) { c.cloud.identify = fmt.Errorf("spot: %w", providers.ErrLeaving) }, "metadata", doctor.Fail, "taken away", "the next machine"},
		"no proof":              {func(c *clinic) { c.cloud.proof = errors.New("no service account") }, "metadata", doctor.Fail, "no service account", "registers nobody"},
		"no DNS":                {func(c *clinic) { c.deps.Lookup = fails }, "DNS", doctor.Fail, "no such host", "resolver"},
		"no DNS, but a proxy":   {func(c *clinic) { c.deps.Lookup, c.deps.Proxy = fails, proxied }, "DNS", doctor.OK, "the proxy may", ""},
		"a broken deployment":   {func(c *clinic) { c.status = 502 }, "root URL", doctor.Fail, "502", "rootURL"},
		"no deployment":         {func(c *clinic) { c.cloud.rootURL = "http://u:HIDDEN@127.0.0.1:1" }, "root URL", doctor.Fail, "refused", "firewall"},
		"a clock a bit ahead":   {func(c *clinic) { c.deps.Now = ahead(20 * time.Second) }, "clock", doctor.Warn, "off by", "NTP"},
		"a clock far behind":    {func(c *clinic) { c.deps.Now = ahead(-time.Hour) }, "clock", doctor.Fail, "off by -", "NTP"},
		"a clock that is right": {func(*clinic) {}, "clock", doctor.OK, "off by 0s", ""},
		"a proxy":               {func(c *clinic) { c.deps.Getenv = environment }, "proxy", doctor.OK, "HTTPS_PROXY is http://proxy:3128", ""},
		"own certificates":      {func(c *clinic) { c.patient.Config.CAFile = "ca.pem" }, "certificates", doctor.OK, "ca.pem", ""},
		"bad certificates":      {func(c *clinic) { c.patient.Config.CAFile, c.patient.Trust = "/nope/ca.pem", errors.New("no file") }, "certificates", doctor.Fail, "no file", "caFile"},
		"a full disk":           {func(c *clinic) { c.deps.Free = func(string) (uint64, error) { return 2e9, nil } }, "disk", doctor.Warn, "2.0 GB", "larger disk"},
		"a folder to be made":   {func(*clinic) {}, "state", doctor.OK, "is writable", ""},
		"no folder to write to": {func(c *clinic) { c.patient.Config.Worker.ConfigPath = filepath.Join("nothing", "worker.json") }, "worker's config", doctor.Fail, "nothing", "worker.configPath"},
		"a worker that is none": {func(c *clinic) {
			c.patient.Config.Worker = config.Worker{Implementation: config.GenericWorker, Path: "/no/such/worker"}
		}, "worker", doctor.Fail, "no such file", "this system and processor"},
		"no control socket": {func(*clinic) {}, "control socket", doctor.OK, "off", ""},
	} {
		t.Run(name, func(t *testing.T) {
			clinic := newClinic(t)
			c.breaks(clinic)
			findings := doctor.Run(t.Context(), clinic.patient, clinic.deps)
			seen := false
			for _, f := range findings {
				if text := f.Detail + f.Next; strings.Contains(text, "HIDDEN") || strings.Contains(text, "\n") {
					t.Errorf("%+v", f)
				}
				if f.Check == c.check {
					seen = true
					if f.Result != c.result || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Next, c.remedy) || (f.Result == doctor.OK && f.Next != "") {
						t.Errorf("%+v", f)
					}
				}
			}
			if !seen || doctor.Healthy(findings) != (c.result != doctor.Fail) {
				t.Errorf("%+v", findings)
			}
		})
	}
}

func undetected(c *clinic) {
	c.patient = doctor.Patient{Problems: []error{&config.Problem{Text: "nothing says it"}}}
}

// badFile is a machine without a config whose provider file is wrong.
func badFile(c *clinic) {
	c.patient.ConfigPath, c.patient.Problems = "", []error{&config.Problem{File: "p.hcl", Line: 3, Text: "x"}}
	c.patient.Config.Place = config.Place{}
}

// TestManyProblems: each problem is a finding, and what cannot be looked at is said.
func TestManyProblems(t *testing.T) {
	c := newClinic(t)
	c.patient.Problems = []error{errors.New("runner.yml:3: x"), errors.New("runner.yml:4: y")}
	c.patient.Warnings = []string{"runner.yml:5: z"}
	c.patient.Config.Place = config.Place{}
	c.patient.Config.Worker.Implementation = config.GenericWorker
	var got []string
	for _, f := range doctor.Run(t.Context(), c.patient, c.deps) {
		if f.Result != doctor.OK {
			got = append(got, string(f.Result)+" "+f.Check+": "+f.Detail)
		}
	}
	want := []string{
		"fail config: runner.yml:3: x",
		"fail config: runner.yml:4: y",
		"warn config: runner.yml:5: z",
		"skip place: the config does not say where this machine runs",
		"skip identity: it is not known where this machine runs",
		"skip DNS: it is not known which deployment the machine is for",
		"skip root URL: it is not known which deployment the machine is for",
		"skip clock: it is not known which deployment the machine is for",
		"skip worker: the config names no program that can be started",
		"skip workerConfig: the config names no program that can be started",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWhatIsSkipped: a check that needs another one is skipped when that one fails.
func TestWhatIsSkipped(t *testing.T) {
	for name, c := range map[string]struct {
		breaks        func(*clinic)
		check, detail string
	}{
		"a problem, somebody's own":  {ownWithProblem, "identity", "must be corrected first"},
		"no metadata, identity":      {func(c *clinic) { c.cloud.identify = errors.New("hop limit") }, "identity", "metadata service"},
		"no metadata, DNS":           {func(c *clinic) { c.cloud.identify, c.cloud.rootURL = errors.New("hop limit"), "" }, "DNS", "which deployment"},
		"no deployment, clock":       {func(c *clinic) { c.cloud.rootURL = "http://127.0.0.1:1" }, "clock", "does not answer"},
		"a root URL that is no URL":  {func(c *clinic) { c.cloud.rootURL = "http://[" }, "DNS", "no URL"},
		"a worker that does not run": {func(c *clinic) { c.patient.Config.Worker = worker("/no/such/worker") }, "workerConfig", "cannot be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			clinic := newClinic(t)
			c.breaks(clinic)
			findings := doctor.Run(t.Context(), clinic.patient, clinic.deps)
			if !slices.ContainsFunc(findings, func(f doctor.Finding) bool {
				return f.Check == c.check && f.Result == doctor.Skip && strings.Contains(f.Detail, c.detail)
			}) {
				t.Errorf("%+v", findings)
			}
		})
	}
}

func ownWithProblem(c *clinic) {
	c.patient.Problems = []error{errors.New("x")}
	c.patient.Config.Place.Kind.Ephemeral = false
}

func worker(path string) config.Worker {
	return config.Worker{Implementation: config.GenericWorker, Path: path}
}

// TestTheWorkersWord: what the worker says of its config is a finding.
func TestTheWorkersWord(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this test runs a shell script as the worker")
	}
	path := filepath.Join(t.TempDir(), "worker")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho worker 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		asked  bool
		err    error
		result doctor.Result
		detail string
	}{
		{true, nil, doctor.OK, "the worker takes it"},
		{true, errors.New("runner.yml: workerConfig: the worker says: no"), doctor.Fail, "the worker says: no"},
		{false, nil, doctor.Skip, "the worker is not ours and would not tell"},
	} {
		clinic := newClinic(t)
		clinic.patient.Config.Worker = worker(path)
		clinic.deps.Ask = func(context.Context) (bool, error) { return c.asked, c.err }
		findings := doctor.Run(t.Context(), clinic.patient, clinic.deps)
		if !slices.ContainsFunc(findings, func(f doctor.Finding) bool {
			return f.Check == "workerConfig" && f.Result == c.result && f.Detail == c.detail
		}) {
			t.Errorf("%v: %+v", c.err, findings)
		}
	}
}

func fails(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }

func proxied(*http.Request) (*url.URL, error) { return &url.URL{Host: "proxy"}, nil }

func ahead(d time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(d) }
}

func environment(name string) string {
	return map[string]string{"https_proxy": "http://user:HIDDEN@proxy:3128", "NO_PROXY": "localhost"}[name]
}
