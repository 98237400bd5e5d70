package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcsecrets"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	machines "github.com/workerkit/workerkit/local/clouds/host"
	"github.com/workerkit/workerkit/local/localtest"
	"github.com/workerkit/workerkit/runner/swaptest"
)

// These tests are not parallel: one process can have one host of machines at a time.

// cloudRig is a deployment with an emulated EC2 and one machine on it: the real start-worker as
// a process, with a worker that follows a script.
type cloudRig struct {
	t          *testing.T
	deployment *localtest.Instance
	dir        string
	log        *lockedBuffer // of the deployment and of the machine
}

const cloudPool = "proj/cloud"

// bootCloud boots the machine. more is merged into its runner config, workerConfig into that of
// its pool.
func bootCloud(t *testing.T, script string, more, workerConfig map[string]any) *cloudRig {
	t.Helper()
	r := &cloudRig{t: t, dir: t.TempDir(), log: &lockedBuffer{}}
	program := func(name string) string {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	policy := map[string]any{"holdFile": filepath.Join(r.dir, "hold"), "crashed": map[string]any{"restarts": 2, "backOff": "20ms"}}
	if strings.HasPrefix(script, "mute") {
		policy["helloWithin"] = "2s" // time enough for the worker to start on a busy computer
	}
	runner := map[string]any{"policy": policy}
	maps.Copy(runner, more)
	r.deployment = localtest.Start(t, localtest.Clouds(map[string]clouds.Cloud{"ec2": ec2.New(rand.Reader)}, machines.Options{
		StartWorker: program("start-worker"), GenericWorker: program("fake-worker"),
		Env:    []string{swaptest.ScriptEnv + "=" + script, swaptest.InboxEnv + "=" + filepath.Join(r.dir, "inbox")},
		Runner: runner,
		Log:    slog.New(slog.NewTextHandler(r.log, nil)),
		Output: func(_ clouds.Key, line string) { fmt.Fprintln(r.log, line) },
	}))
	if workerConfig == nil {
		workerConfig = map[string]any{}
	}
	r.secret("worker-pool:"+cloudPool, `{"config":{"sentryProject":"hidden-in-the-secret"}}`)
	manager := tcworkermanager.New(r.deployment.Credentials(), r.deployment.RootURL)
	if _, err := manager.CreateWorkerPool(cloudPool, &tcworkermanager.WorkerPoolDefinition{
		ProviderID: "ec2", Config: r.pool(1, workerConfig), Owner: "owner@example.com",
	}); err != nil {
		t.Fatal(err)
	}
	r.until(`(machine boots)`)
	// a machine that is gone is not replaced, or at most the first one
	if _, err := manager.UpdateWorkerPool(cloudPool, &tcworkermanager.WorkerPoolDefinition1{
		ProviderID: "ec2", Config: r.pool(0, workerConfig), Owner: "owner@example.com",
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

// pool is the config of a pool with so many machines.
func (r *cloudRig) pool(machines int, workerConfig map[string]any) json.RawMessage {
	r.t.Helper()
	pool, err := json.Marshal(map[string]any{
		"minCapacity": machines, "maxCapacity": machines,
		"launchConfigs": []any{map[string]any{
			"region": "us-east-1", "launchConfig": map[string]any{"ImageId": "ami-1"}, "workerConfig": workerConfig,
		}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return pool
}

func (r *cloudRig) secret(name, value string) {
	r.t.Helper()
	err := tcsecrets.New(r.deployment.Credentials(), r.deployment.RootURL).Set(name, &tcsecrets.Secret{
		Expires: tcclient.Time(time.Now().Add(time.Hour)), Secret: json.RawMessage(value),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// until waits for the log to match, and returns the first group of the expression.
func (r *cloudRig) until(expression string) string {
	r.t.Helper()
	find := regexp.MustCompile(expression)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := find.FindStringSubmatch(r.log.String()); found != nil {
			return found[len(found)-1]
		}
	}
	r.t.Fatalf("no %s in the log:\n%s", expression, r.log.String())
	return ""
}

// first is the log of the first machine: the pool replaces one that is gone.
func (r *cloudRig) first() (machine, log string) {
	machine = r.until(`"?machine boots"? machine=\S+/(i-[0-9a-f]+) `)
	before, _, _ := strings.Cut(r.log.String(), "machine is gone")
	return machine, before
}

// calls counts the calls of a method.
func (r *cloudRig) calls(method string) (n int) {
	for _, c := range r.deployment.Calls() {
		if c.Method == method {
			n++
		}
	}
	return n
}

// ended is the exit code of the first start-worker that ended.
func (r *cloudRig) ended() string {
	r.t.Helper()
	return r.until(`start-worker ended"? .*how="exit status (\d+)"`)
}

// gone waits until the first machine is.
func (r *cloudRig) gone() {
	r.t.Helper()
	r.until(`(machine is gone)`)
}

// TestRowsOnACloud: however the work ends, no machine is left that does nothing.
func TestRowsOnACloud(t *testing.T) {
	for _, c := range []struct {
		script, code              string
		starts, removals, reports int
	}{
		{"say:up exit:0", "0", 1, 1, 0},
		{"say:up exit:68", "0", 1, 1, 0},
		{"say:up exit:70", "0", 1, 1, 0},
		{"say:up exit:72", "0", 1, 1, 0},
		{"say:up exit:64", "1", 1, 1, 1},
		{"say:up exit:73", "1", 1, 1, 1},
		{"say:up exit:75", "1", 1, 1, 1},
		{"say:up exit:77", "1", 1, 1, 1},
		{"say:up exit:78", "1", 1, 1, 1},
		{"say:up exit:82", "1", 1, 1, 1},
		{"say:up exit:69", "1", 3, 1, 1},
		{"say:up die", "1", 3, 1, 1},
		{"mute say:up", "1", 3, 1, 1}, // no hello in time
		{"say:up exit:71", "1", 1, 1, 0},
	} {
		t.Run(c.script, func(t *testing.T) {
			r := bootCloud(t, c.script, nil, nil)
			if code := r.ended(); code != c.code {
				t.Errorf("exit code %s, want %s", code, c.code)
			}
			_, log := r.first()
			if n := strings.Count(log, "\n") - strings.Count(strings.ReplaceAll(log, " up\n", ""), "\n"); n != c.starts {
				t.Errorf("%d starts, want %d\n%s", n, c.starts, log)
			}
			// the next machine may be at it already, and ends likewise
			if n := r.calls("removeWorker"); n < c.removals || n > 2*c.removals {
				t.Errorf("%d removals, want %d", n, c.removals)
			}
			if n := r.calls("reportWorkerError"); n < c.reports || n > 2*c.reports {
				t.Errorf("%d reports, want %d", n, c.reports)
			}
			if strings.Contains(r.log.String(), "hidden-in-the-secret") {
				t.Error("a secret is in the log")
			}
		})
	}
}

// TestARebootOnACloud: the machine keeps its state and its place in worker-manager.
func TestARebootOnACloud(t *testing.T) {
	r := bootCloud(t, "say:up exit:67", nil, map[string]any{"genericWorker": map[string]any{"config": map[string]any{"disableReboots": true}}})
	if code := r.ended(); code != "0" {
		t.Errorf("exit code %s", code)
	}
	r.until(`(machine reboots)`)
	r.until(`(going on with credentials from before)`)
	if registered, removed := r.calls("registerWorker"), r.calls("removeWorker"); registered != 1 || removed != 0 {
		t.Errorf("%d registrations, %d removals", registered, removed)
	}
}

// TestAStartThatFailsOnACloud: before there is a worker, too.
func TestAStartThatFailsOnACloud(t *testing.T) {
	bad := map[string]any{"genericWorker": map[string]any{"files": []any{map[string]any{
		"description": "", "path": "/nowhere", "content": "", "encoding": "rot13", "format": "file",
	}}}}
	for name, c := range map[string]struct {
		more, pool        map[string]any
		removals, reports int
		off               bool
		want              string
	}{
		"files fail": {nil, bad, 1, 1, false, "rot13"},
		"the worker is not there any more": {
			map[string]any{"worker": map[string]any{"configPath": "/proc/nowhere/config"}}, nil, 0, 0, false, "configPath",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := bootCloud(t, "exit:0", c.more, c.pool)
			if code := r.ended(); code != "1" {
				t.Errorf("exit code %s", code)
			}
			r.until("(" + c.want + ")")
			if c.removals > 0 {
				r.gone()
			}
			if n := r.calls("removeWorker"); n < c.removals || n > 2*c.removals {
				t.Errorf("%d removals, want %d", n, c.removals)
			}
			if n := r.calls("reportWorkerError"); n < c.reports || n > 2*c.reports {
				t.Errorf("%d reports, want %d", n, c.reports)
			}
		})
	}
}

// TestTheHoldFileKeepsAMachine on a cloud, for whoever looks into what is wrong with it.
func TestTheHoldFileKeepsAMachine(t *testing.T) {
	r := bootCloud(t, "await:graceful-termination exit:64", nil, nil)
	hold := filepath.Join(r.dir, "hold")
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.until(`(the worker has started)`)
	machine, _ := r.first()
	key := clouds.Key{WorkerPoolID: cloudPool, WorkerGroup: "us-east-1", WorkerID: machine}
	if err := r.deployment.Server.Machines().Notify(key, clouds.Notice{Kind: "spot-terminate", In: time.Minute}); err != nil {
		t.Fatal(err)
	}
	r.until(`(hold file|held|` + regexp.QuoteMeta(hold) + `)`)
	if n := r.calls("removeWorker"); n != 0 || !r.deployment.Server.Machines().Exists(key) {
		t.Fatalf("removed %d times although the hold file is there", n)
	}
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
	r.gone()
	if n := r.calls("removeWorker"); n != 1 {
		t.Errorf("removed %d times", n)
	}
}
