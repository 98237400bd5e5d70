// Command notices measures how fast a worker hears that its machine goes away: from the change
// in the emulated cloud to the byte on the worker's standard input. The worker is this program
// itself, under the real start-worker.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	"github.com/workerkit/workerkit/local/clouds/gce"
	"github.com/workerkit/workerkit/local/clouds/host"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "run" {
		work(os.Args[1:])
		return
	}
	n := flag.Int("n", 100, "how many `notices` per cloud")
	width := flag.Int("machines", 8, "how many `machines` at a time")
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, *bin, *n, *width)
	stop()
	if err != nil {
		measure.Exit(err)
	}
}

// place is one cloud: its pool, and what takes a machine away.
type place struct {
	name   string
	cloud  clouds.Cloud
	notice clouds.Notice
	launch string // the pool's launch config
}

func places() []place {
	return []place{
		{"ec2", ec2.New(rand.Reader), clouds.Notice{Kind: "spot-terminate", In: 2 * time.Minute},
			`{"region":"us-east-1","launchConfig":{"ImageId":"ami-1"}}`},
		{"gce", gce.New(rand.Reader), clouds.Notice{Kind: "preempted"},
			`{"region":"us-central1","zone":"us-central1-a","machineType":"zones/us-central1-a/machineTypes/n2-standard-2","disks":[],"networkInterfaces":[{}],"scheduling":{},"workerConfig":{}}`},
		{"azure", azure.New(rand.Reader), clouds.Notice{Kind: "Preempt", In: 30 * time.Second},
			`{"location":"westus2","subnetId":"s","hardwareProfile":{"vmSize":"Standard_D2s_v5"},"storageProfile":{"osDisk":{}},"workerConfig":{}}`},
	}
}

func bench(ctx context.Context, bin string, n, width int) (err error) {
	dir, err := os.MkdirTemp("", "workerkit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, p := range places() {
		late, err := p.measure(ctx, bin, filepath.Join(dir, p.name), n, width)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		measure.Spread("notice to worker, "+p.name, late, measure.Milliseconds)
		measure.Percentile("notice to worker, "+p.name+": p95", late, 95, measure.Milliseconds)
	}
	return nil
}

// measure serves n notices, each to a machine of its own, at moments of its own.
func (p place) measure(ctx context.Context, bin, dir string, n, width int) ([]time.Duration, error) {
	heard := filepath.Join(dir, "heard")
	if err := os.MkdirAll(heard, 0o700); err != nil {
		return nil, err
	}
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	listener, err := local.Listen(ctx, 0)
	if err != nil {
		return nil, err
	}
	server, err := local.Open(ctx, local.Options{
		Dir: dir, RootURL: local.RootURL(listener), Clouds: map[string]clouds.Cloud{p.name: p.cloud},
		Machines: host.Options{StartWorker: filepath.Join(bin, "start-worker"), GenericWorker: own, Env: []string{heardEnv + "=" + heard}},
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	late, err := p.serve(ctx, server, local.RootURL(listener), heard, n, width)
	stop()
	return late, errors.Join(err, <-served, server.Close())
}

func (p place) serve(ctx context.Context, server *local.Server, rootURL, heard string, n, width int) ([]time.Duration, error) {
	root := server.RootCredentials()
	client := tc.New(rootURL, tc.NewHTTP(), retry.Policy{Total: 10 * time.Second})
	definition := fmt.Sprintf(`{"providerId":%q,"description":"","owner":"nobody@example.com","emailOnError":false,"config":{"minCapacity":%d,"maxCapacity":%d,"launchConfigs":[%s]}}`,
		p.name, width, width, p.launch)
	pools := client.Pools(tc.Fixed(tc.Credentials{ClientID: root.ClientID, AccessToken: root.AccessToken}))
	if err := pools.Create(ctx, "bench/"+p.name, json.RawMessage(definition)); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var late []time.Duration
	var errs []error
	served := map[clouds.Key]bool{}
	for len(served) < n {
		for _, m := range server.Machines().Machines() {
			k := clouds.Key{WorkerPoolID: m.WorkerPoolID, WorkerGroup: m.WorkerGroup, WorkerID: m.WorkerID}
			if _, err := os.Stat(filepath.Join(heard, m.WorkerID+".ready")); err != nil || served[k] || len(served) == n {
				continue
			}
			served[k] = true
			wg.Go(func() {
				took, err := p.one(ctx, server, k, filepath.Join(heard, m.WorkerID))
				mu.Lock()
				defer mu.Unlock()
				late, errs = append(late, took), append(errs, err)
			})
		}
		if !pause(ctx, 20*time.Millisecond) {
			break
		}
	}
	wg.Wait()
	return late, errors.Join(errs...)
}

// one serves a notice at a random moment and waits until the worker has heard of it.
func (p place) one(ctx context.Context, server *local.Server, k clouds.Key, file string) (time.Duration, error) {
	pause(ctx, time.Second+mathrand.N(4*time.Second)) //nolint:gosec // a moment, not a secret
	begin := time.Now()
	if err := server.Machines().Notify(k, p.notice); err != nil {
		return 0, err
	}
	for pause(ctx, 20*time.Millisecond) {
		data, err := os.ReadFile(file)
		if err != nil {
			if time.Since(begin) > time.Minute {
				return 0, fmt.Errorf("%s has heard nothing for a minute", k)
			}
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, string(data))
		return at.Sub(begin), err
	}
	return 0, context.Cause(ctx)
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// heardEnv is the folder where a worker notes the time when it heard of the end.
const heardEnv = "BENCH_HEARD"

// work is the worker: it says hello, waits for graceful-termination and notes the time.
func work(args []string) {
	var config struct {
		WorkerID string `json:"workerId"`
	}
	data, err := os.ReadFile(args[2])
	if err == nil {
		err = json.Unmarshal(data, &config)
	}
	if err != nil {
		measure.Exit(err)
	}
	file := filepath.Join(os.Getenv(heardEnv), config.WorkerID)
	fmt.Println(`~{"type":"hello","capabilities":["error-report","graceful-termination","log","new-credentials","shutdown"]}`)
	buffer := make([]byte, 1<<16)
	for text := ""; ; {
		n, err := os.Stdin.Read(buffer)
		at := time.Now()
		if err != nil {
			os.Exit(71)
		}
		if text += string(buffer[:n]); strings.Contains(text, `"welcome"`) {
			_ = os.WriteFile(file+".ready", nil, 0o600)
			text = strings.ReplaceAll(text, `"welcome"`, "")
		}
		if strings.Contains(text, `"finish-tasks"`) {
			_ = os.WriteFile(file+".tmp", []byte(at.Format(time.RFC3339Nano)), 0o600)
			_ = os.Rename(file+".tmp", file)
			os.Exit(72)
		}
	}
}
