package doctor_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/runner/doctor"
)

// program is a script that says a version, as a worker does.
func program(t *testing.T, said string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("this test runs a shell script as the worker")
	}
	path := filepath.Join(t.TempDir(), "worker")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+said+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	ourVersion    = "generic-worker (multiuser engine) 0.1.0 workerkit"
	publicVersion = "generic-worker (multiuser engine) 106.0.0"
)

func settings(pairs ...any) map[string]any {
	all := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i].(string)] = pairs[i+1]
	}
	return all
}

// run has a machine examined, and returns the finding of one check.
func run(t *testing.T, c *clinic, check string) (doctor.Finding, bool) {
	t.Helper()
	findings := doctor.Run(t.Context(), c.patient, c.deps)
	i := slices.IndexFunc(findings, func(f doctor.Finding) bool { return f.Check == check })
	if i < 0 {
		return doctor.Finding{}, false
	}
	return findings[i], true
}

// TestTheSigningKey: without it the worker would end, unless nobody reads it.
func TestTheSigningKey(t *testing.T) {
	dir := t.TempDir()
	good, bad, missing := filepath.Join(dir, "good"), filepath.Join(dir, "bad"), filepath.Join(dir, "missing")
	for path, text := range map[string]string{good: base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n", bad: "c2hvcnQ="} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const key = "ed25519SigningKeyLocation"
	for name, c := range map[string]struct {
		config         map[string]any
		version        string
		result         doctor.Result
		detail, remedy string
	}{
		"a good one":        {settings(key, good), ourVersion, doctor.OK, "is one", ""},
		"a missing one":     {settings(key, missing), ourVersion, doctor.Fail, "exit code 82", "new-ed25519-keypair --file " + missing},
		"in other letters":  {settings("ED25519signingkeylocation", missing), ourVersion, doctor.Fail, "no file " + missing, "--file " + missing},
		"a bad one":         {settings(key, bad), ourVersion, doctor.Fail, "no ed25519 key in base64", "--file " + bad},
		"a folder":          {settings(key, dir), ourVersion, doctor.Fail, "is a directory", "new-ed25519-keypair"},
		"a relative one":    {settings(key, "missing"), ourVersion, doctor.Fail, "counts from the folder", "with a whole path"},
		"public":            {settings(key, missing), publicVersion, doctor.Fail, "exit code 82", "new-ed25519-keypair"},
		"insecure":          {settings(key, missing), "generic-worker (insecure engine) 106.0.0", doctor.OK, "insecure does not read it", ""},
		"insecure by key":   {settings(key, missing, "workerkit", settings("engine", "insecure")), ourVersion, doctor.OK, "insecure does not read it", ""},
		"a key not for it":  {settings(key, missing, "workerkit", settings("engine", "insecure")), publicVersion, doctor.Fail, "exit code 82", ""},
		"container":         {settings(key, missing, "workerkit", settings("engine", "container")), ourVersion, doctor.Fail, "exit code 82", ""},
		"no chain of trust": {settings(key, missing, "enableChainOfTrust", false), ourVersion, doctor.OK, "enableChainOfTrust is false", ""},
	} {
		t.Run(name, func(t *testing.T) {
			clinic := newClinic(t)
			clinic.patient.Config.Worker, clinic.patient.Config.WorkerConfig = worker(program(t, c.version)), c.config
			f, ok := run(t, clinic, "signing key")
			if !ok || f.Result != c.result || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Next, c.remedy) {
				t.Errorf("%v %+v", ok, f)
			}
		})
	}
	clinic := newClinic(t)
	clinic.patient.Config.Worker = worker(program(t, ourVersion))
	if f, ok := run(t, clinic, "signing key"); ok {
		t.Errorf("one that only the pool can name: %+v", f)
	}
}

// TestTheEngine: the config decides which engine our worker has, and no other worker asks it.
func TestTheEngine(t *testing.T) {
	container := settings("workerkit", settings("engine", "container"))
	for _, c := range []struct {
		said   string
		config map[string]any
		want   string
	}{
		{ourVersion, nil, ourVersion},
		{ourVersion, settings("workerkit", settings("engine", "multiuser")), ourVersion},
		{ourVersion, container, "generic-worker (container engine, by workerkit.engine) 0.1.0 workerkit"},
		{publicVersion, container, publicVersion},
	} {
		clinic := newClinic(t)
		path := program(t, c.said)
		clinic.patient.Config.Worker, clinic.patient.Config.WorkerConfig = worker(path), c.config
		if f, _ := run(t, clinic, "worker"); f.Detail != path+" is "+c.want {
			t.Errorf("%s, %v: %+v", c.said, c.config, f)
		}
	}
}

// TestTheEngineOfContainers is looked for where the worker needs one, and nowhere else.
func TestTheEngineOfContainers(t *testing.T) {
	found := func(context.Context) (string, error) { return "Docker 20.10.24 at tcp://u:HIDDEN@h:1", nil }
	none := func(context.Context) (string, error) {
		return "", errors.New("docker: none answers (tcp://u:HIDDEN@h:1: refused)")
	}
	for name, c := range map[string]struct {
		config         map[string]any
		containers     func(context.Context) (string, error)
		result         doctor.Result
		detail, remedy string
	}{
		"the engine, and one answers": {settings("workerkit", settings("engine", "container")), found, doctor.OK, "Docker 20.10.24 at tcp://h:1 answers", ""},
		"the engine, and none does":   {settings("workerkit", settings("engine", "container")), none, doctor.Fail, "none answers (", "exit code 73"},
		"payloads of docker-worker":   {settings("d2gConfig", settings("enableD2G", true)), none, doctor.Fail, "none answers (", "DOCKER_HOST"},
		"as it was once called":       {settings("enableD2G", true), none, doctor.Fail, "none answers (", ""},
		"switched off":                {settings("enableD2G", true, "d2gConfig", settings("enableD2G", false)), none, "", "", ""},
		"native tasks":                {settings("workerkit", settings("engine", "multiuser")), none, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			clinic := newClinic(t)
			clinic.patient.Config.Worker, clinic.patient.Config.WorkerConfig = worker("/no/such/worker"), c.config
			clinic.deps.Containers = c.containers
			f, ok := run(t, clinic, "containers")
			if ok != (c.result != "") || f.Result != c.result || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Next, c.remedy) || strings.Contains(f.Detail, "HIDDEN") {
				t.Errorf("%v %+v", ok, f)
			}
		})
	}
}

// TestAnEngineOfContainersThatHangs is not waited for.
func TestAnEngineOfContainersThatHangs(t *testing.T) {
	clinic := newClinic(t)
	clinic.patient.Config.Worker = worker("/no/such/worker")
	clinic.patient.Config.WorkerConfig = settings("workerkit", settings("engine", "container"))
	var limit time.Duration
	ctx, cancel := context.WithCancel(t.Context())
	clinic.deps.Containers = func(ctx context.Context) (string, error) {
		end, _ := ctx.Deadline()
		limit = time.Until(end)
		cancel()
		<-ctx.Done()
		return "", ctx.Err()
	}
	findings := doctor.Run(ctx, clinic.patient, clinic.deps)
	if !slices.ContainsFunc(findings, func(f doctor.Finding) bool {
		return f.Check == "containers" && f.Result == doctor.Fail && strings.Contains(f.Detail, "does not answer within 10s")
	}) || limit <= 0 || limit > 10*time.Second {
		t.Errorf("%v %+v", limit, findings)
	}
}
