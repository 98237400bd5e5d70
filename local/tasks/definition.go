// Package tasks runs a task for a person: it reads the task from a file, fills in what every
// task needs, follows its log while it runs, and fetches what it leaves.
package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Definition is a task definition by top-level key, as createTask takes it.
type Definition map[string]json.RawMessage

// Defaults are what Fill uses where the file says nothing.
type Defaults struct {
	Queue string // taskQueueId; "" adds none
	Name  string // metadata.name
	Now   time.Time
}

const (
	defaultDeadline   = 24 * time.Hour
	defaultExpiry     = 28 * 24 * time.Hour
	defaultMaxRunTime = 3600 // seconds; for a bare payload only
)

// Read reads a task from a YAML or JSON file: a whole definition, the part of it that matters,
// or just a payload (which has a command and no payload). Errors name the file and the line.
func Read(file string) (Definition, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the task: %w", err)
	}
	d, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	return d, nil
}

// parse errors begin with the line.
func parse(data []byte) (Definition, error) {
	asJSON, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, position(err)
	}
	var d Definition
	if err := json.Unmarshal(asJSON, &d); err != nil || d == nil {
		return nil, errors.New("1: a task must be a mapping, with the key payload or, as a bare payload, command")
	}
	if _, whole := d["payload"]; whole {
		return d, nil
	}
	if _, bare := d["command"]; !bare {
		return nil, errors.New("1: no payload: give a task with the key payload, or a bare payload with the key command")
	}
	if _, limited := d["maxRunTime"]; !limited {
		d["maxRunTime"] = raw(defaultMaxRunTime)
	}
	return Definition{"payload": raw(d)}, nil
}

// position puts a YAML error on one line that begins with its place.
func position(err error) error {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil {
		return fmt.Errorf("%d: %s", syntax.Token.Position.Line, syntax.Message)
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("1: %s", first)
}

// Fill adds what every task definition needs and this one does not say: times, the queue and
// metadata. It changes nothing that is there.
func (d Definition) Fill(with Defaults) error {
	created := with.Now
	if said, ok := d["created"]; ok {
		if err := json.Unmarshal(said, &created); err != nil {
			return fmt.Errorf("created: %w", err)
		}
	}
	d.add("created", stamp(created))
	d.add("deadline", stamp(created.Add(defaultDeadline)))
	d.add("expires", stamp(created.Add(defaultExpiry)))
	_, provisioner := d["provisionerId"] // the former name for half of the task queue
	if with.Queue != "" && !provisioner {
		d.add("taskQueueId", with.Queue)
	}
	metadata := map[string]any{
		"name":        with.Name,
		"description": "Made by taskcluster-local run",
		"owner":       "nobody@localhost.localdomain",
		"source":      "https://localhost.localdomain/" + filepath.Base(with.Name),
	}
	if said, ok := d["metadata"]; ok {
		var own map[string]any
		if err := json.Unmarshal(said, &own); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
		maps.Copy(metadata, own)
	}
	d["metadata"] = raw(metadata)
	return nil
}

func (d Definition) add(key string, value any) {
	if _, said := d[key]; !said {
		d[key] = raw(value)
	}
}

// JSON is the definition as createTask takes it.
func (d Definition) JSON() json.RawMessage { return raw(d) }

// Logs are the artifact names of the log while the task runs and afterwards.
func (d Definition) Logs() (live, backing string) {
	live, backing = "public/logs/live.log", "public/logs/live_backing.log"
	var payload struct {
		Logs struct{ Live, Backing string }
	}
	if err := json.Unmarshal(d["payload"], &payload); err != nil {
		return live, backing // a malformed payload gets the default names
	}
	if payload.Logs.Live != "" {
		live = payload.Logs.Live
	}
	if payload.Logs.Backing != "" {
		backing = payload.Logs.Backing
	}
	return live, backing
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// raw encodes what is made of maps, strings and numbers, which always works.
func raw(v any) json.RawMessage {
	data, _ := json.Marshal(v)
	return data
}
