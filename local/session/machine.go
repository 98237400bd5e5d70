package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

// Machine is a machine that was booted: start-worker and the worker below it.
type Machine struct {
	Dir     string    // its files, and the working directory of its programs
	Started time.Time // when start-worker was started

	runner *child
}

// Spec says which machine to boot.
type Spec struct {
	Pool, Group, ID string
	// Config is the machine's own layer of the worker's configuration.
	Config map[string]any
}

// AddPool makes a worker pool of static machines, with the pool's layer of the worker's
// configuration.
func (s *Session) AddPool(ctx context.Context, pool string, config map[string]any) error {
	return s.AddPoolOf(ctx, pool, "static", map[string]any{"workerConfig": WorkerConfig(config)})
}

// WorkerConfig is a layer of the worker's configuration in the form that pools have it.
func WorkerConfig(config map[string]any) map[string]any {
	return map[string]any{"genericWorker": map[string]any{"config": config}}
}

// AddPoolOf makes a worker pool of any provider, with its config.
func (s *Session) AddPoolOf(ctx context.Context, pool, provider string, config map[string]any) error {
	definition, err := json.Marshal(map[string]any{
		"providerId":   provider,
		"description":  "Machines of this computer",
		"owner":        "nobody@localhost.localdomain",
		"emailOnError": false,
		"config":       config,
	})
	if err != nil {
		return fmt.Errorf("session: encode pool %s: %w", pool, err)
	}
	err = s.client.Pools(s.Credentials()).Create(ctx, pool, definition)
	if err != nil && tc.Status(err) != http.StatusConflict { // there since an earlier session on this folder
		return fmt.Errorf("session: make pool %s: %w", pool, err)
	}
	return nil
}

// Boot makes the record of a static machine in worker-manager, lays out its files and starts
// start-worker on them. The machine is stopped with the session at the latest.
func (s *Session) Boot(ctx context.Context, spec Spec) (*Machine, error) {
	m := &Machine{Dir: filepath.Join(s.Dir, "machines", spec.ID)}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	shared, err := newSecret()
	if err != nil {
		return nil, err
	}
	expires := time.Now().Add(96 * time.Hour)
	if err := s.client.Pools(s.Credentials()).CreateStatic(ctx, spec.Pool, spec.Group, spec.ID, expires, shared); err != nil {
		return nil, fmt.Errorf("session: make machine %s: %w", spec.ID, err)
	}
	if err := s.layOut(ctx, m, spec, shared); err != nil {
		return nil, fmt.Errorf("session: lay out machine %s: %w", spec.ID, err)
	}
	m.Started = time.Now()
	m.runner, err = launch(command{
		name: spec.ID,
		path: s.Programs.StartWorker,
		args: []string{m.path("runner.yml")},
		dir:  m.Dir,
		logs: s.logs(),
	})
	if err != nil {
		return nil, err
	}
	s.machines = append(s.machines, m)
	return m, nil
}

// layOut writes what an installed machine has: the key, the secret, the provider file and the
// runner's configuration.
func (s *Session) layOut(ctx context.Context, m *Machine, spec Spec, shared secret.String) error {
	key := exec.CommandContext(ctx, s.Programs.GenericWorker, "new-ed25519-keypair", "--file", m.path("ed25519.key"))
	if out, err := key.CombinedOutput(); err != nil {
		return fmt.Errorf("generic-worker new-ed25519-keypair: %w: %s", err, strings.TrimSpace(string(out)))
	}
	runner, err := yaml.Marshal(yaml.MapSlice{
		{Key: "provider", Value: yaml.MapSlice{{Key: "file", Value: m.path("provider.hcl")}}},
		{Key: "worker", Value: yaml.MapSlice{
			{Key: "implementation", Value: "generic-worker"},
			{Key: "path", Value: s.Programs.GenericWorker},
			{Key: "configPath", Value: m.path("generic-worker.config")},
		}},
		{Key: "workerConfig", Value: s.workerConfig(m, spec)},
	})
	if err != nil {
		return fmt.Errorf("encode runner.yml: %w", err)
	}
	return errors.Join(
		private.Write(m.path("secret"), []byte(shared.Reveal())),
		private.Write(m.path("provider.hcl"), s.provider(m, spec)),
		private.Write(m.path("runner.yml"), runner),
	)
}

// provider is the machine's provider file.
func (s *Session) provider(m *Machine, spec Spec) []byte {
	file := hclwrite.NewEmptyFile()
	static := file.Body().AppendNewBlock("provider", []string{"static"}).Body()
	static.SetAttributeValue("root_url", cty.StringVal(s.RootURL))
	static.SetAttributeValue("worker_pool_id", cty.StringVal(spec.Pool))
	static.SetAttributeValue("worker_group", cty.StringVal(spec.Group))
	static.SetAttributeValue("worker_id", cty.StringVal(spec.ID))
	static.SetAttributeValue("secret_file", cty.StringVal(m.path("secret")))
	return file.Bytes()
}

// workerConfig is the machine's own layer of the worker's configuration.
func (s *Session) workerConfig(m *Machine, spec Spec) map[string]any {
	config := map[string]any{
		"ed25519SigningKeyLocation": m.path("ed25519.key"),
		"tasksDir":                  m.path("tasks"),
		"cachesDir":                 m.path("caches"),
		"downloadsDir":              m.path("downloads"),
		// Whoever runs it, it shall not make accounts on the machine that it shares, unless told to.
		"workerkit": map[string]any{"engine": "insecure"},
	}
	maps.Copy(config, spec.Config)
	return config
}

func (m *Machine) path(name string) string { return filepath.Join(m.Dir, name) }

// PID is the process id of start-worker.
func (m *Machine) PID() int { return m.runner.pid() }

// Log is the path of the machine's log.
func (m *Machine) Log() string { return m.runner.log }

// Tail is the end of the machine's log, at most n lines and at least one.
func (m *Machine) Tail(n int) []string { return m.runner.tail(n) }

// Wait returns when the machine has ended by itself, with the reason when it failed, or when
// ctx has ended.
func (m *Machine) Wait(ctx context.Context) error { return m.runner.wait(ctx) }

// Stop asks the machine to end and waits for it.
func (m *Machine) Stop() error { return m.runner.stop(machineGrace) }

// newSecret makes the 44 characters that a static machine proves itself with.
func newSecret() (secret.String, error) {
	var random [33]byte
	if _, err := rand.Read(random[:]); err != nil {
		return secret.String{}, fmt.Errorf("session: make a secret: %w", err)
	}
	return secret.New(base64.RawURLEncoding.EncodeToString(random[:])), nil
}
