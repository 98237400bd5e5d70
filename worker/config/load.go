package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

// ErrUnreadable means that the file could not be loaded: it is missing, not JSON, or has a key
// that no configuration has. The public program ends with exit code 64 then.
var ErrUnreadable = errors.New("the configuration could not be loaded")

// ErrInvalid means that a value is missing or wrong: exit code 73.
var ErrInvalid = errors.New("the configuration is not valid")

// Load reads the configuration file over the defaults and checks it. Errors are ErrUnreadable
// or ErrInvalid and name the file and the keys, never a value.
func Load(path string) (Config, error) {
	c := Defaults()
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if err := c.merge(data); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// merge puts a JSON object over c. Objects are merged key by key.
func (c *Config) merge(data []byte) error {
	top, err := object(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if unknown := unknownKeys(top, reflect.TypeFor[Config](), ""); len(unknown) > 0 {
		return fmt.Errorf("%w: %s", ErrUnreadable, strings.Join(unknown, "; "))
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(data, c); errors.As(err, &wrong) {
		kind, _, _ := strings.Cut(wrong.Value, " ")
		return fmt.Errorf("%w: %s must not be a JSON %s", ErrInvalid, wrong.Field, kind)
	} else if err != nil {
		return fmt.Errorf("%w: a value has a form that its key does not take", ErrInvalid) // err may hold the value
	}
	return nil
}

func object(data []byte) (map[string]json.RawMessage, error) {
	var top map[string]json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(data, &top); {
	case errors.As(err, &syntax):
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		return nil, fmt.Errorf("line %d: %w", line, syntax)
	case err != nil || top == nil:
		return nil, errors.New("it must be a JSON object")
	}
	return top, nil
}

// unknownKeys names the keys of an object that t has no field for. Keys match in any case.
func unknownKeys(top map[string]json.RawMessage, t reflect.Type, prefix string) []string {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		fields[t.Field(i).Tag.Get("json")] = t.Field(i).Type
	}
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(top)) {
		name, known := match(key, fields)
		if !known {
			problems = append(problems, fmt.Sprintf("unknown key %q%s", prefix+key, hint(key, fields)))
			continue
		}
		if f := fields[name]; f.Kind() == reflect.Struct && (name == "workerkit" || name == "d2gConfig") {
			if inner, err := object(top[key]); err == nil {
				problems = append(problems, unknownKeys(inner, f, prefix+name+".")...)
			}
		}
	}
	return problems
}

func match(key string, fields map[string]reflect.Type) (string, bool) {
	for name := range fields {
		if strings.EqualFold(name, key) {
			return name, true
		}
	}
	return "", false
}

// removed says what became of keys that the public program once had.
func removed(key string) string {
	switch strings.ToLower(key) {
	case "deploymentid", "checkfornewdeploymenteverysecs":
		return "worker-manager decides when a worker ends"
	case "runtasksascurrentuser":
		return "tasks ask with the feature runTaskAsCurrentUser"
	case "containerengine":
		return "there is no such choice any more"
	case "enabled2g":
		return "it is d2gConfig.enableD2G now"
	default:
		return ""
	}
}

// hint says what may be meant by an unknown key.
func hint(key string, fields map[string]reflect.Type) string {
	if was := removed(key); was != "" {
		return " (removed: " + was + ")"
	}
	best, least := "", len(key)/3+1
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if d := distance(strings.ToLower(key), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (is %q meant?)", best)
}

// distance is the number of letters to insert, delete or change to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
