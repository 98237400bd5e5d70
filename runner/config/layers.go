package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
)

// workerkitKey is the one key of the worker's config that only our worker knows.
const workerkitKey = "workerkit"

// Layer is one part of the worker's config, from worker-manager or from a secret.
type Layer struct {
	Config map[string]any `json:"config,omitempty"`
	Files  []File         `json:"-"`
}

// File is a file that pool config or a secret delivers.
type File struct {
	Description string        `json:"description"`
	Path        string        `json:"path"`
	Content     secret.String `json:"content"` // encoded
	Encoding    string        `json:"encoding"`
	Format      string        `json:"format"`
	// These the public programs do not know. Each may be "".
	Mode  string `json:"mode,omitempty"`  // of a file: 0640; not for a zip, which has its own
	Owner string `json:"owner,omitempty"` // a name or a number
	Group string `json:"group,omitempty"`
}

// PoolLayer reads the workerConfig of registerWorker's reply. It is an object with the one key
// genericWorker that holds config and files, or, in the older form, the
// config itself. Other keys beside genericWorker are a mistake, by which the public programs
// take the older form and their worker then refuses to start: here they are left out, and
// warning names them.
func PoolLayer(raw json.RawMessage) (l Layer, warning string, err error) {
	const from, key = "worker config of the worker pool", "genericWorker"
	top, err := Object(raw)
	if err != nil {
		return l, "", fmt.Errorf("%s: %w", from, err)
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(top)), func(k string) bool { return k == key })
	nested, ok := top[key].(map[string]any)
	if !ok || (len(others) > 0 && nested["config"] == nil && nested["files"] == nil) {
		return Layer{Config: top}, "", nil
	}
	if len(others) > 0 {
		warning = fmt.Sprintf("%s: %s beside %s is left out (the public programs fail on it): move it into %s.config or remove it",
			from, strings.Join(others, ", "), key, key)
	}
	if l, err = deliver(nested, false); err != nil {
		return l, "", fmt.Errorf("%s: %s: %w", from, key, err)
	}
	return l, warning, nil
}

// SecretLayer reads the value of a secret: an object with config and files and nothing else,
// or, in the older form, the config itself. What has only those keys, but is not right, counts
// as the older form, as it does for the public programs; warning says what is wrong. Neither
// warning nor err shows the value.
func SecretLayer(raw json.RawMessage) (l Layer, warning string, err error) {
	top, err := Object(raw)
	if err != nil {
		return Layer{}, "", err
	}
	l, err = deliver(top, true)
	if err == nil {
		return l, "", nil
	}
	older := slices.ContainsFunc(slices.Collect(maps.Keys(top)), func(k string) bool { return k != "config" && k != "files" })
	if !older {
		warning = fmt.Sprintf("it looks like {config, files}, but counts as the worker's config itself: %v", err)
	}
	return Layer{Config: top}, warning, nil
}

// deliver reads an object with config and files.
func deliver(m map[string]any, strict bool) (Layer, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return Layer{}, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if strict {
		d.DisallowUnknownFields()
	}
	var both struct {
		Config map[string]any `json:"config"`
		Files  []File         `json:"files"`
	}
	if err := d.Decode(&both); err != nil {
		return Layer{}, shape(err)
	}
	return Layer(both), nil
}

// shape keeps of a decoding error what cannot hold a secret.
func shape(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _, _ := strings.Cut(e.Value, " ") // after the space comes a number itself
		return fmt.Errorf("%s must not be a JSON %s", e.Field, kind)
	}
	return errors.New("it does not have the form {config, files}")
}

// Object decodes a JSON object, keeping numbers as they are written.
func Object(raw json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, errors.New("it is not JSON")
	}
	m, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it must be an object, but is %s", describe(value))
	}
	return m, nil
}

// Merge merges layers, later ones on top: objects key by key, lists one after the other, and
// anything else replaced. The layers are not changed.
func Merge(layers ...map[string]any) map[string]any {
	merged := map[string]any{}
	for _, layer := range layers {
		merged = mergeValue(merged, layer).(map[string]any)
	}
	return merged
}

func mergeValue(below, above any) any {
	switch a := above.(type) {
	case map[string]any:
		b, ok := below.(map[string]any)
		if !ok {
			b = nil
		}
		merged := maps.Clone(b)
		if merged == nil {
			merged = make(map[string]any, len(a))
		}
		for key, value := range a {
			merged[key] = mergeValue(merged[key], value)
		}
		return merged
	case []any:
		if b, ok := below.([]any); ok {
			return slices.Concat(b, a)
		}
	}
	return above
}

// Workerkit tells whether a worker's config has our object, which only our worker knows.
func Workerkit(m map[string]any) bool {
	for key := range m {
		if strings.EqualFold(key, workerkitKey) {
			return true
		}
	}
	return false
}

// WithoutWorkerkit is the config without our object, however its name is written.
func WithoutWorkerkit(m map[string]any) map[string]any {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(key string, _ any) bool { return strings.EqualFold(key, workerkitKey) })
	return m
}

// OnlyWorkerkit is our object alone.
func OnlyWorkerkit(m map[string]any) map[string]any {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(key string, _ any) bool { return !strings.EqualFold(key, workerkitKey) })
	return m
}

// Redacted is the layer with all its values hidden, for whoever prints a worker's config.
func (l Layer) Redacted() Layer { return Layer{Config: redact(l.Config).(map[string]any)} }

func redact(value any) any {
	switch v := value.(type) {
	case map[string]any:
		hidden := make(map[string]any, len(v))
		for key, inner := range v {
			hidden[key] = redact(inner)
		}
		return hidden
	case nil:
		return nil
	default:
		return hidden
	}
}
