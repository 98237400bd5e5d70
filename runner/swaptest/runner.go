package swaptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/goccy/go-yaml"
)

// Runner is a stand-in for the public runner with a static provider and without secrets.
type Runner struct {
	// Extra is merged over the config that it renders.
	Extra map[string]any
	// Dir is the worker's working directory; "" is the test's own.
	Dir string
	// Say, when not "", is a line for the worker, sent after its hello.
	Say string
}

// Result is what Runner saw.
type Result struct {
	Code   int
	Hello  string // the worker's hello
	Output string // everything on its standard output
	Errors string // and standard error
}

// runnerConfig is what the public runner reads of its config; it ignores other keys.
type runnerConfig struct {
	Provider struct {
		ProviderType string `yaml:"providerType"`
		RootURL      string `yaml:"rootURL"`
		ProviderID   string `yaml:"providerID"`
		WorkerPoolID string `yaml:"workerPoolID"`
		WorkerGroup  string `yaml:"workerGroup"`
		WorkerID     string `yaml:"workerID"`
		StaticSecret string `yaml:"staticSecret"`
	} `yaml:"provider"`
	Worker struct {
		Implementation string `yaml:"implementation"`
		Path           string `yaml:"path"`
		ConfigPath     string `yaml:"configPath"`
	} `yaml:"worker"`
	WorkerConfig map[string]any `yaml:"workerConfig"`
}

// Run runs the worker that the runner config at path names to its end.
func (r Runner) Run(ctx context.Context, path string) (Result, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Result{}, err
	}
	var c runnerConfig
	if err := yaml.Unmarshal(data, &c); err != nil {
		return Result{}, err
	}
	p := c.Provider
	if p.ProviderType != "static" || p.ProviderID == "" || c.Worker.Implementation != "generic-worker" {
		return Result{}, fmt.Errorf("the public runner could not use %s: %q, %q, %q", path, p.ProviderType, p.ProviderID, c.Worker.Implementation)
	}
	reply, err := c.register(ctx)
	if err != nil {
		return Result{}, err
	}
	rendered, err := json.MarshalIndent(over(c.render(reply), r.Extra), "", "  ")
	if err != nil {
		return Result{}, err
	}
	if err := os.WriteFile(c.Worker.ConfigPath, rendered, 0o600); err != nil {
		return Result{}, err
	}
	return r.launch(ctx, c)
}

// registration is the reply of registerWorker.
type registration struct {
	Credentials  struct{ ClientID, AccessToken, Certificate string }
	WorkerConfig map[string]any
}

func (c runnerConfig) register(ctx context.Context) (reply registration, err error) {
	p := c.Provider
	body, err := json.Marshal(map[string]any{
		"workerPoolId": p.WorkerPoolID, "providerId": p.ProviderID, "workerGroup": p.WorkerGroup, "workerId": p.WorkerID,
		"workerIdentityProof": map[string]string{"staticSecret": p.StaticSecret},
	})
	if err != nil {
		return reply, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(p.RootURL, "/")+"/api/worker-manager/v1/worker/register", bytes.NewReader(body))
	if err != nil {
		return reply, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return reply, fmt.Errorf("registerWorker: %s", response.Status)
	}
	return reply, json.NewDecoder(response.Body).Decode(&reply)
}

// render is the config that the public runner writes, with its spelling of instanceId.
func (c runnerConfig) render(reply registration) map[string]any {
	p := c.Provider
	pool := reply.WorkerConfig
	if nested, ok := pool["genericWorker"].(map[string]any); ok && len(pool) == 1 {
		pool, _ = nested["config"].(map[string]any)
	}
	provisioner, workerType, _ := strings.Cut(p.WorkerPoolID, "/")
	return over(over(c.WorkerConfig, pool), map[string]any{
		"rootURL": p.RootURL, "workerGroup": p.WorkerGroup, "workerId": p.WorkerID, "provisionerId": provisioner, "workerType": workerType,
		"clientId": reply.Credentials.ClientID, "accessToken": reply.Credentials.AccessToken, "certificate": reply.Credentials.Certificate,
		"workerLocation": `{"cloud":"static"}`, "workerTypeMetadata": map[string]any{}, "instanceID": "i-1", "publicIP": "127.0.0.1",
	})
}

// over puts one object's keys over another's.
func over(below, above map[string]any) map[string]any {
	merged := map[string]any{}
	maps.Copy(merged, below)
	maps.Copy(merged, above)
	return merged
}

func (r Runner) launch(ctx context.Context, c runnerConfig) (result Result, err error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Worker.Path, "run", "--config", c.Worker.ConfigPath, "--with-worker-runner")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return result, err
	}
	hello := make(chan struct{})
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.Dir, &watcher{buffer: &stdout, text: `~{"type":"hello"`, seen: hello}, &stderr
	if err := cmd.Start(); err != nil {
		return result, err
	}
	_, err = io.WriteString(stdin, `~{"type":"welcome","capabilities":["error-report","graceful-termination","log","new-credentials","shutdown"]}`+"\n")
	ended := make(chan struct{})
	go func() {
		select {
		case <-hello:
			_, _ = io.WriteString(stdin, r.Say)
		case <-ended:
		}
	}()
	_ = cmd.Wait() // the exit code is the result
	close(ended)
	result = Result{Code: cmd.ProcessState.ExitCode(), Output: stdout.String(), Errors: stderr.String()}
	for line := range strings.Lines(result.Output) {
		if strings.HasPrefix(line, `~{"type":"hello"`) {
			result.Hello = strings.TrimSpace(line)
		}
	}
	return result, err
}

// watcher closes seen when the text has come by.
type watcher struct {
	buffer *bytes.Buffer
	text   string
	seen   chan struct{}
	done   bool
}

func (w *watcher) Write(p []byte) (int, error) {
	w.buffer.Write(p)
	if !w.done && strings.Contains(w.buffer.String(), w.text) {
		w.done = true
		close(w.seen)
	}
	return len(p), nil
}
