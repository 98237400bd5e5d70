// Package pools puts images into the launch configs of worker pools: it works out the change,
// shows it, applies it to a pool that nobody has changed meanwhile, and keeps what was before.
package pools

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/workerkit/workerkit/internal/tc"
)

// Service is what is asked of worker-manager; tc.Pools is one.
type Service interface {
	// Get returns a pool's definition.
	Get(ctx context.Context, pool string) (json.RawMessage, error)
	// Update replaces it.
	Update(ctx context.Context, pool string, definition json.RawMessage) error
	// Workers lists those of a pool's workers that the filter chooses.
	Workers(ctx context.Context, pool string, filter tc.WorkerFilter) ([]tc.WorkerName, error)
}

// taken are the members of a pool's definition that updateWorkerPool takes over.
func taken() []string {
	return []string{"workerPoolId", "providerId", "description", "config", "owner", "emailOnError"}
}

// Definition is a pool's definition, as updateWorkerPool takes it. Members that this program does
// not know, and the digits of numbers, stay as they are. It must not be changed.
type Definition struct {
	Pool         string
	Provider     string
	LastModified string // "" where it was not read from worker-manager

	members map[string]any
}

// ValidID tells whether a text can be the id of a worker pool.
func ValidID(pool string) bool {
	return regexp.MustCompile(`^[a-zA-Z0-9_-]{1,38}/[a-z]([-a-z0-9]{0,36}[a-z0-9])?$`).MatchString(pool)
}

// Read returns a pool's definition as worker-manager has it now.
func Read(ctx context.Context, service Service, pool string) (Definition, error) {
	data, err := service.Get(ctx, pool)
	if err != nil {
		return Definition{}, err
	}
	return Decode(data)
}

// Decode reads a definition, as worker-manager shows it or as it is kept. Its errors tell
// nothing of what is in it.
func Decode(data []byte) (Definition, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var all map[string]any
	if err := decoder.Decode(&all); err != nil {
		return Definition{}, fmt.Errorf("a worker pool's definition: %w", err)
	}
	d := Definition{members: map[string]any{}}
	d.Pool, _ = all["workerPoolId"].(string)
	d.Provider, _ = all["providerId"].(string)
	d.LastModified, _ = all["lastModified"].(string)
	if _, ok := all["config"].(map[string]any); !ok || d.Pool == "" || d.Provider == "" {
		return Definition{}, fmt.Errorf("a worker pool's definition needs workerPoolId, providerId and config")
	}
	for _, name := range taken() {
		if value, there := all[name]; there {
			d.members[name] = value
		}
	}
	return d, nil
}

// MarshalJSON implements json.Marshaler.
func (d Definition) MarshalJSON() ([]byte, error) { return encode(d.members) }

// Digest names the definition by all that is in it.
func (d Definition) Digest() string {
	data, err := encode(d.members)
	if err != nil {
		return "" // it was JSON a moment ago
	}
	sum := sha256.Sum256(data)
	const enough = 8 // bytes, to tell definitions apart
	return hex.EncodeToString(sum[:enough])
}

// launches are the launch configs; none of a pool whose provider has none.
func (d Definition) launches() []map[string]any {
	config, _ := d.members["config"].(map[string]any)
	list, _ := config["launchConfigs"].([]any)
	var all []map[string]any
	for _, entry := range list {
		if launch, ok := entry.(map[string]any); ok {
			all = append(all, launch)
		}
	}
	return all
}

// with returns the definition with other launch configs.
func (d Definition) with(launches []map[string]any) Definition {
	changed, _ := clone(d.members).(map[string]any)
	config, _ := changed["config"].(map[string]any)
	list := []any{}
	for _, launch := range launches {
		list = append(list, launch)
	}
	config["launchConfigs"] = list
	d.members = changed
	return d
}

// encode is json.Marshal that leaves <, > and & as they are.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSpace(text.Bytes()), err
}

// clone copies JSON.
func clone(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for name, member := range value {
			copied[name] = clone(member)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, member := range value {
			copied[i] = clone(member)
		}
		return copied
	default:
		return value
	}
}
