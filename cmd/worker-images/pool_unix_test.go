//go:build unix

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	emulated "github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	"github.com/workerkit/workerkit/local/clouds/gce"
	"github.com/workerkit/workerkit/local/clouds/host"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
)

const (
	poolSecret   = "a-secret-of-the-worker-that-nobody-may-see"
	poolMachine  = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/x/images/linux/versions/"
	poolImageOne = "linux-v1"
)

// poolRig is a deployment with emulated clouds, and a ledger with two versions of "linux" of
// which the second one is the production's.
type poolRig struct {
	*testing.T

	deployment *localtest.Instance
	manager    *tcworkermanager.WorkerManager
	images     string // the folder of the definitions
	keep       string
}

func newPoolRig(t *testing.T) *poolRig {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := &poolRig{T: t, images: t.TempDir(), keep: filepath.Join(t.TempDir(), "pools")}
	r.deployment = localtest.Start(t, localtest.Clouds(map[string]emulated.Cloud{
		"ec2": ec2.New(rand.Reader), "gce": gce.New(rand.Reader), "azure": azure.New(rand.Reader),
	}, host.Options{StartWorker: program, GenericWorker: program}))
	r.manager = tcworkermanager.New(r.deployment.Credentials(), r.deployment.RootURL)
	l := &ledger.Ledger{Channels: map[string][]ledger.Version{"linux/production": {{Version: "v2", At: time.Now()}}}}
	for n, version := range []string{"v1", "v2", "v3"} {
		for target, artifacts := range map[packer.Target][]record.Artifact{
			packer.AWS:   {{Region: "us-east-1", ID: fmt.Sprint("ami-e", n+1)}},
			packer.GCP:   {{ID: "linux-" + version}},
			packer.Azure: {{ID: fmt.Sprint(poolMachine, n+1, ".0.0")}},
		} {
			b := ledger.Build{Image: "linux", Version: version, Target: target, Made: time.Now(), Artifacts: artifacts, Definition: "d", Parts: map[string]string{}}
			if version == "v3" {
				b.Revoked = &ledger.Revocation{At: time.Now(), Reason: "it leaks"}
			}
			l.Builds = append(l.Builds, b)
		}
	}
	if err := ledger.Save(filepath.Join(r.images, ledger.FileName), l); err != nil {
		t.Fatal(err)
	}
	r.use(r.deployment.ClientID, r.deployment.AccessToken)
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	return r
}

// use has the commands be of a client.
func (r *poolRig) use(clientID, token string) {
	r.Setenv("TASKCLUSTER_ROOT_URL", r.deployment.RootURL)
	r.Setenv("TASKCLUSTER_CLIENT_ID", clientID)
	r.Setenv("TASKCLUSTER_ACCESS_TOKEN", token)
	r.Setenv("TASKCLUSTER_CERTIFICATE", "")
}

// run runs the program, which must end with a code, and returns all that it prints.
func (r *poolRig) run(code int, args ...string) string {
	r.Helper()
	var out, errors bytes.Buffer
	got := run(append([]string{"pool", "--images", r.images, "--keep-folder", r.keep}, args...), &out, &errors)
	if got != code {
		r.Fatalf("pool %s: exit code %d, want %d\n%s%s", args, got, code, &out, &errors)
	}
	all := out.String() + errors.String()
	if strings.Contains(all, r.deployment.AccessToken) {
		r.Error("the access token is shown")
	}
	return all
}

// printed wants texts in what was printed.
func (r *poolRig) printed(all string, want ...string) {
	r.Helper()
	for _, text := range want {
		if !strings.Contains(all, text) {
			r.Errorf("no %q in\n%s", text, all)
		}
	}
	if strings.Contains(all, poolSecret) {
		r.Errorf("a secret is shown:\n%s", all)
	}
}

// put makes or changes a pool.
func (r *poolRig) put(pool, provider string, machines int, launches ...string) {
	r.Helper()
	config := json.RawMessage(fmt.Sprintf(`{"minCapacity":%d,"maxCapacity":%d,"launchConfigs":[%s]}`, machines, machines, strings.Join(launches, ",")))
	definition := tcworkermanager.WorkerPoolDefinition{ProviderID: provider, Owner: "o@example.com", Config: config}
	_, err := r.manager.CreateWorkerPool(pool, &definition)
	if err != nil {
		update := tcworkermanager.WorkerPoolDefinition1{ProviderID: provider, Owner: "o@example.com", Config: config}
		_, err = r.manager.UpdateWorkerPool(pool, &update)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// config is that of a pool, as worker-manager has it.
func (r *poolRig) config(pool string) string {
	r.Helper()
	p, err := r.manager.WorkerPool(pool)
	if err != nil {
		r.Fatal(err)
	}
	return string(p.Config)
}

// worker waits for a worker of the pool that is requested and is not the other one, and returns
// its name and its launch config.
func (r *poolRig) worker(pool, other string) (group, id, launch string) {
	r.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		list, err := r.manager.ListWorkersForWorkerPool(pool, "", "", "", "requested")
		if err != nil {
			r.Fatal(err)
		}
		for _, w := range list.Workers {
			if w.WorkerID != other {
				return w.WorkerGroup, w.WorkerID, r.launch(pool, w.LaunchConfigID)
			}
		}
	}
	r.Fatal("there is no new worker")
	return "", "", ""
}

func (r *poolRig) launch(pool, id string) string {
	r.Helper()
	list, err := r.manager.ListWorkerPoolLaunchConfigs(pool, "", "true", "")
	if err != nil {
		r.Fatal(err)
	}
	for _, l := range list.WorkerPoolLaunchConfigs {
		if l.LaunchConfigID == id {
			return string(l.Configuration)
		}
	}
	r.Fatalf("there is no launch config %q", id)
	return ""
}

func awsLaunch(image, manager string) string {
	return fmt.Sprintf(`{"region":"us-east-1","launchConfig":{"ImageId":%q},"workerConfig":{"n":1.50,"token":%q},"workerManager":{%s}}`, image, poolSecret, manager)
}

func gcpLaunch(image string) string {
	return fmt.Sprintf(`{"region":"us-central1","zone":"us-central1-a","machineType":"zones/us-central1-a/machineTypes/n2-standard-2",
		"disks":[{"boot":true,"initializeParams":{"sourceImage":"projects/p/global/images/%s"}}],"networkInterfaces":[],"scheduling":{},"workerConfig":{"token":%q}}`, image, poolSecret)
}

func azureLaunch(image string) string {
	return fmt.Sprintf(`{"location":"eastus","subnetId":"s","hardwareProfile":{"vmSize":"v"},"storageProfile":{"imageReference":{"id":%q},"osDisk":{"osType":"Linux"}},"workerConfig":{"token":%q}}`, image, poolSecret)
}

// values decodes JSON, whose members may be in any order.
func values(text string) any {
	var value any
	_ = json.Unmarshal([]byte(text), &value) // what is no JSON is nil
	return value
}

func digestOf(t *testing.T, printed string) string {
	t.Helper()
	found := regexp.MustCompile(`--expect ([0-9a-f]+-[0-9a-f]+) `).FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("no digest in\n%s", printed)
	}
	return found[1]
}

// TestPool goes the whole way in each cloud: shown, applied, new machines have the new image,
// and back.
func TestPool(t *testing.T) {
	r := newPoolRig(t)
	for provider, c := range map[string]struct{ launch, former, next string }{
		"ec2":   {awsLaunch("ami-e1", ""), "ami-e1", "ami-e2"},
		"gce":   {gcpLaunch(poolImageOne), poolImageOne, "projects/p/global/images/linux-v2"},
		"azure": {azureLaunch(poolMachine + "1.0.0"), poolMachine + "1.0.0", poolMachine + "2.0.0"},
	} {
		pool := "proj/" + provider
		r.put(pool, provider, 1, c.launch)
		group, first, launch := r.worker(pool, "")
		r.printed(strings.ReplaceAll(launch, poolSecret, ""), c.former)
		before := r.config(pool)

		all := r.run(exitFine, "linux", pool)
		r.printed(all, "--- "+pool+" now\n+++ "+pool+" new\n@@ ", c.next+`"`, " goes: 0 workers running, 1 requested", "nothing is sent")
		if r.config(pool) != before {
			t.Error("a pool was changed without --yes")
		}
		all = r.run(exitFine, "linux", pool, "--yes", "--expect", digestOf(t, all))
		r.printed(all, pool+": applied; what it was is in "+r.keep)

		if err := r.manager.RemoveWorker(pool, group, first); err != nil {
			t.Fatal(err)
		}
		_, _, launch = r.worker(pool, first)
		r.printed(strings.ReplaceAll(launch, poolSecret, ""), c.next)
		r.printed(r.run(exitFine, "linux", pool, "--yes"), pool+" has linux v2 already")

		r.printed(r.run(exitFine, "rollback", pool), `-`, c.former, "nothing is sent")
		r.printed(r.run(exitFine, "rollback", pool, "--yes"), pool+": applied")
		if diff := cmp.Diff(values(before), values(r.config(pool))); diff != "" {
			t.Errorf("%s after the rollback: %s", pool, diff)
		}
	}
}

// TestPoolFindsWhoUsesTheImage: without names, it is all pools that do; what others have stays.
func TestPoolFindsWhoUsesTheImage(t *testing.T) {
	r := newPoolRig(t)
	r.put("proj/one", "ec2", 0, awsLaunch("ami-e1", `"launchConfigId":"ours"`), awsLaunch("ami-other", `"launchConfigId":"theirs"`))
	r.put("proj/two", "gce", 0, gcpLaunch(poolImageOne))
	r.put("proj/three", "ec2", 0, awsLaunch("ami-other", ""))
	r.put("proj/four", "ec2", 0, awsLaunch("ami-e1", ""))
	if _, err := r.manager.DeleteWorkerPool("proj/four"); err != nil {
		t.Fatal(err)
	}
	all := r.run(exitFine, "linux")
	r.printed(all, "proj/one: launch config theirs stays as it is: ami-other is not ours", "+++ proj/two new", "launch config ours goes: 0 workers running, 0 requested")
	if strings.Contains(all, "proj/three") || strings.Contains(all, "proj/four") {
		t.Error(all)
	}
	var shown []struct {
		WorkerPoolID string
		Definition   struct{ Config json.RawMessage }
		Kept         string
	}
	if err := json.Unmarshal([]byte(r.run(exitFine, "linux", "--json", "--yes")), &shown); err != nil || len(shown) != 2 {
		t.Fatalf("%+v, %v", shown, err)
	}
	for _, s := range shown {
		if info, err := os.Stat(s.Kept); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", s.WorkerPoolID, info, err)
		}
	}
	if !strings.Contains(string(shown[0].Definition.Config), `"n": 1.50`) || !strings.Contains(string(shown[0].Definition.Config), "ami-e2") {
		t.Errorf("%s", shown[0].Definition.Config)
	}
	r.printed(r.run(exitFailed, "linux", "proj/three"), "use --all, or --replace with the image it has: ami-other")
	r.printed(r.run(exitFine, "linux", "proj/three", "--replace", "ami-other"), `+          "ImageId": "ami-e2"`)
	r.printed(r.run(exitFine, "linux", "proj/three", "--all"), `+          "ImageId": "ami-e2"`)
}

func TestPoolBeside(t *testing.T) {
	r := newPoolRig(t)
	r.put("proj/one", "ec2", 0, awsLaunch("ami-e1", `"launchConfigId":"former"`))
	r.printed(r.run(exitFine, "linux", "proj/one", "--beside", "0.1", "--yes"), `"initialWeight": 0.9`, `"initialWeight": 0.1`)
	ids := regexp.MustCompile(`"launchConfigId":"([^"]+)"`)
	first := ids.FindAllStringSubmatch(r.config("proj/one"), -1)
	if len(first) != 2 || first[0][1] != "former" {
		t.Fatal(r.config("proj/one"))
	}
	r.run(exitFine, "linux", "proj/one", "--beside", "0.6", "--yes")
	r.printed(strings.ReplaceAll(r.config("proj/one"), poolSecret, ""), `"initialWeight":0.4`, `"initialWeight":0.6`)
	if diff := cmp.Diff(first, ids.FindAllStringSubmatch(r.config("proj/one"), -1)); diff != "" {
		t.Errorf("another weight is another id: %s", diff)
	}
	r.printed(r.run(exitFine, "linux", "proj/one", "--beside", "off", "--yes"), "launch config former goes")
	if got := ids.FindAllStringSubmatch(r.config("proj/one"), -1); len(got) != 1 || got[0][1] != first[1][1] || strings.Contains(r.config("proj/one"), "initialWeight") {
		t.Error(r.config("proj/one"))
	}
}

func TestPoolThatWasChangedMeanwhile(t *testing.T) {
	r := newPoolRig(t)
	r.put("proj/one", "ec2", 0, awsLaunch("ami-e1", ""))
	digest := digestOf(t, r.run(exitFine, "linux", "proj/one"))
	r.put("proj/one", "ec2", 0, awsLaunch("ami-e1", ""), awsLaunch("ami-other", ""))
	before := r.config("proj/one")
	all := r.run(exitFailed, "linux", "proj/one", "--yes", "--expect", digest)
	r.printed(all, "worker-images: pool proj/one: the pool was changed at 20", "look at the new diff", "+++ proj/one new")
	if r.config("proj/one") != before {
		t.Error("it is changed all the same")
	}
	r.run(exitFine, "linux", "proj/one", "--yes", "--expect", digestOf(t, all))

	r.put("proj/one", "ec2", 0, awsLaunch("ami-other", ""))
	r.printed(r.run(exitFailed, "rollback", "proj/one", "--yes"), "somebody else has changed the pool at 20", "--force")
	r.run(exitFine, "rollback", "proj/one", "--yes", "--force")
	if diff := cmp.Diff(before, r.config("proj/one")); diff != "" {
		t.Error(diff)
	}
}

// TestPoolOneLaunchConfig also goes back by more than one step.
func TestPoolOneLaunchConfig(t *testing.T) {
	r := newPoolRig(t)
	r.put("proj/one", "ec2", 0, awsLaunch("ami-e1", `"launchConfigId":"a","maxCapacity":3`), strings.Replace(awsLaunch("ami-e1", `"launchConfigId":"b"`), `"n":1.50`, `"n":2`, 1))
	before := r.config("proj/one")
	for _, id := range []string{"b", "a"} {
		r.run(exitFine, "linux", "proj/one", "--launch-config", id, "--yes")
		if strings.Contains(r.config("proj/one"), `"launchConfigId":"`+id+`"`) {
			t.Errorf("after %s: %s", id, r.config("proj/one"))
		}
	}
	kept, err := filepath.Glob(filepath.Join(r.keep, "proj", "one", "*.json"))
	if err != nil || len(kept) != 2 {
		t.Fatalf("%s, %v", kept, err)
	}
	r.printed(r.run(exitFine, "rollback", "proj/one", "--to", kept[0], "--yes"), "proj/one: applied")
	if diff := cmp.Diff(values(before), values(r.config("proj/one"))); diff != "" {
		t.Error(diff)
	}
	r.printed(r.run(exitFailed, "rollback", "proj/two", "--to", kept[0]), "is of the pool proj/one")
}

func TestPoolRollbackToARevokedImage(t *testing.T) {
	r := newPoolRig(t)
	r.put("proj/one", "ec2", 0, awsLaunch("ami-e3", ""))
	r.run(exitFine, "linux", "proj/one", "--yes")
	r.printed(r.run(exitFailed, "rollback", "proj/one"), "linux v3 aws was revoked: it leaks: --force")
	r.printed(r.run(exitFine, "rollback", "proj/one", "--force"), "nothing is sent")
	r.printed(r.run(exitFailed, "rollback", "proj/two"), "no former definition is kept in "+filepath.Join(r.keep, "proj", "two")+": name another place with --keep-folder")
}

func TestPoolErrors(t *testing.T) {
	r := newPoolRig(t)
	r.put("proj/linux", "ec2", 0, awsLaunch("ami-e1", ""))
	r.put("proj/west", "ec2", 0, strings.Replace(awsLaunch("ami-e1", ""), "us-east-1", "us-west-2", 1))
	all := r.run(exitFailed, "linux", "proj/linx", "proj/west", "proj/linux", "--yes")
	r.printed(all, "pool proj/linx: there is no such worker pool; perhaps you meant proj/linux", "linux v2 aws has no image in us-west-2: add the region to `publish`", "proj/linux: applied")
	for want, args := range map[string][]string{
		`there is no build of the image "linus"; perhaps you meant linux`: {"linus"},
		`"linux" is no worker pool`:                                       {"linux", "linux"},
		"--all needs the pools by name":                                   {"linux", "--all"},
		"only one of --all and --replace":                                 {"linux", "proj/linux", "--all", "--replace", "x"},
		"only one of --channel":                                           {"linux", "--newest", "--version", "v1"},
		"--beside 1: a weight is more than 0 and less than 1":             {"linux", "--beside", "1"},
		"--beside NaN: a weight":                                          {"linux", "--beside", "NaN"},
		`there is no launch config "nobody"`:                              {"linux", "proj/linux", "--launch-config", "nobody"},
		`there is no launch config "none"`:                                {"linux", "--launch-config", "none"},
		`there is no build of linux with the version "v22"`:               {"linux", "--version", "v22"},
		`"0123" is no digest of a change`:                                 {"linux", "--expect", "0123"},
	} {
		r.printed(r.run(exitMisused, args...), want)
	}
	r.printed(r.run(exitFailed, "linux", "--version", "v3"), "worker-images: linux v3 was revoked: it leaks\n")
	r.printed(r.run(exitFailed, "linux", "--channel", "beta"), "the channel beta of linux has no version")
	r.printed(r.run(exitFine, "linux", "proj/linux", "--newest"), "has linux v2 already")
	for _, c := range []struct{ unset, want string }{ // one after the other
		{"TASKCLUSTER_ACCESS_TOKEN", "worker-images: no credentials: set TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN"},
		{"TASKCLUSTER_ROOT_URL", "worker-images: TASKCLUSTER_ROOT_URL is not set"},
	} {
		t.Setenv(c.unset, "")
		if all := r.run(exitFailed, "linux"); !strings.HasPrefix(all, c.want) || strings.Count(all, "\n") != 1 {
			t.Error(all)
		}
	}
}

// TestPoolScopes: whoever may not is told which scopes that takes.
func TestPoolScopes(t *testing.T) {
	r := newPoolRig(t)
	r.put("proj/one", "ec2", 0, awsLaunch("ami-e1", ""))
	auth := tcauth.New(r.deployment.Credentials(), r.deployment.RootURL)
	if _, err := auth.UpdateRole("anonymous", &tcauth.CreateRoleRequest{Scopes: []string{}}); err != nil { // it may read all
		t.Fatal(err)
	}
	client := func(name string, scopes ...string) {
		made, err := auth.CreateClient(name, &tcauth.CreateClientRequest{Expires: tcclient.Time(time.Now().Add(time.Hour)), Scopes: scopes})
		if err != nil {
			t.Fatal(err)
		}
		r.use(name, made.AccessToken)
	}
	client("test/none")
	r.printed(r.run(exitFailed, "linux"), "403", "it needs the scope worker-manager:list-worker-pools")
	r.printed(r.run(exitFailed, "linux", "proj/one"), "it needs the scope worker-manager:get-worker-pool:proj/one")
	client("test/read", "worker-manager:get-worker-pool:*")
	r.printed(r.run(exitFine, "linux", "proj/one"), "+++ proj/one new", "its workers cannot be counted", "worker-manager:list-workers:proj/one")
	r.printed(r.run(exitFailed, "linux", "proj/one", "--yes"), "it needs the scopes worker-manager:manage-worker-pool:proj/one and worker-manager:provider:ec2")
	r.use("test/nobody", "x")
	r.printed(r.run(exitFailed, "linux", "proj/one"), "401", "look at TASKCLUSTER_CLIENT_ID")
}
