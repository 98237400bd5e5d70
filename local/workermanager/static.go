package workermanager

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/local/api"
)

// Static is the provider of machines that somebody else starts. They are made by createWorker,
// prove themselves by a shared secret, and may register any number of times.
type Static struct{}

// staticConfig is the config of a static pool.
type staticConfig struct {
	WorkerConfig json.RawMessage `json:"workerConfig"`
	Lifecycle    struct {
		ReregistrationTimeout *int64 `json:"reregistrationTimeout"` // seconds
	} `json:"lifecycle"`
}

// staticData is what the record of a static worker keeps. The secret itself is not stored.
type staticData struct {
	SecretHash string `json:"secretHash"`
}

// staticProof is both the providerInfo of createWorker and the proof of registerWorker.
type staticProof struct {
	StaticSecret secret.String `json:"staticSecret"`
}

// maxReregistrationTimeout is the longest that a pool may ask for, in seconds.
const maxReregistrationTimeout = 30 * 24 * 60 * 60

// Type implements Provider.
func (Static) Type() string { return "static" }

// ValidateConfig implements Provider.
func (Static) ValidateConfig(config json.RawMessage) error {
	_, err := decodeStaticConfig(config)
	return err
}

func decodeStaticConfig(config json.RawMessage) (staticConfig, error) {
	var c staticConfig
	d := json.NewDecoder(bytes.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("config of a static worker pool: %w", err)
	}
	if w := bytes.TrimSpace(c.WorkerConfig); len(w) > 0 && w[0] != '{' {
		return c, fmt.Errorf("config of a static worker pool: workerConfig must be an object")
	}
	if t := c.Lifecycle.ReregistrationTimeout; t != nil && (*t < 1 || *t > maxReregistrationTimeout) {
		return c, fmt.Errorf("config of a static worker pool: lifecycle.reregistrationTimeout must be >= 1 and <= %d", maxReregistrationTimeout)
	}
	return c, nil
}

// SetUp implements Creator: a static worker is running at once.
func (Static) SetUp(w *Worker, info json.RawMessage) error {
	var p staticProof
	if len(info) > 0 {
		if err := json.Unmarshal(info, &p); err != nil {
			return fmt.Errorf("static: decode providerInfo: %w", err)
		}
	}
	if p.StaticSecret.Empty() {
		return api.InputError("no staticSecret in providerInfo")
	}
	data, err := json.Marshal(staticData{SecretHash: hash(p.StaticSecret)})
	if err != nil {
		return fmt.Errorf("static: encode the worker's data: %w", err)
	}
	w.ProviderData, w.State = data, Running
	return nil
}

// Register implements Provider. The worker stays running, so it may register again.
func (Static) Register(_ context.Context, pool Pool, w *Worker, proof json.RawMessage) (Registration, error) {
	if w.State != Running {
		return Registration{}, api.InputError("worker is not running")
	}
	var p staticProof
	var d staticData
	if err := json.Unmarshal(w.ProviderData, &d); err != nil {
		return Registration{}, fmt.Errorf("static: decode the worker's data: %w", err)
	}
	if err := json.Unmarshal(proof, &p); err != nil || p.StaticSecret.Empty() {
		return Registration{}, api.InputError("missing staticSecret in workerIdentityProof")
	}
	if !matches(p.StaticSecret, d.SecretHash) {
		return Registration{}, api.InputError("bad staticSecret in workerIdentityProof")
	}
	return staticRegistration(pool)
}

func staticRegistration(pool Pool) (Registration, error) {
	// A pool that has moved to another provider keeps its static workers for a while; its
	// config is then not ours, and they get the defaults.
	c, err := decodeStaticConfig(pool.Config)
	if err != nil {
		c = staticConfig{}
	}
	r := Registration{WorkerConfig: c.WorkerConfig}
	if len(r.WorkerConfig) == 0 {
		r.WorkerConfig = json.RawMessage("{}")
	}
	if t := c.Lifecycle.ReregistrationTimeout; t != nil {
		r.Lifetime = time.Duration(*t) * time.Second
	}
	return r, nil
}

// Remove implements Remover: there is no machine to stop, only a record.
func (Static) Remove(_ context.Context, w *Worker) error {
	w.State = Stopped
	return nil
}

// hash is how secrets are stored. They are 44 random characters, so nothing slower is needed.
func hash(s secret.String) string {
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:])
}

// matches compares a secret with a stored hash in constant time.
func matches(s secret.String, stored string) bool {
	return stored != "" && subtle.ConstantTimeCompare([]byte(hash(s)), []byte(stored)) == 1
}
