package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/secret"
)

// ErrUnreadable means that the file could not be loaded: it is missing, not JSON, or has a key
// that no configuration has. The public program ends with exit code 64 then.
var ErrUnreadable = errors.New("the configuration could not be loaded")

// ErrInvalid means that a value is missing or wrong: exit code 73.
var ErrInvalid = errors.New("the configuration is not valid")

// Load reads the configuration file over the defaults and checks it. The file holds secrets:
// when others can read it, it is made owner-only, with a warning, or refused when it is not
// ours. Each key of an older release is a warning too. Warnings and errors name the file or the
// keys, never a value; errors are ErrUnreadable or ErrInvalid.
func Load(path string) (c Config, warnings []string, err error) {
	return load(path, func(*Config) {})
}

// LoadPart is Load of a file that a runner completes at each start: what only the runner knows may
// be missing, and something stands in its place.
func LoadPart(path string) (c Config, warnings []string, err error) {
	return load(path, (*Config).standIn)
}

func load(path string, complete func(*Config)) (c Config, warnings []string, err error) {
	c = Defaults()
	data, note, err := private.Read(path)
	if err != nil {
		return c, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if note != "" {
		warnings = append(warnings, "the configuration file holds secrets: "+note)
	}
	old, err := c.merge(data)
	warnings = append(warnings, old...)
	if err == nil {
		complete(&c)
		err = c.Validate()
	}
	if err != nil {
		return c, warnings, fmt.Errorf("%s: %w", path, err)
	}
	return c, warnings, nil
}

// standIn completes a configuration with what a runner adds. What the file says stays, however wrong.
func (c *Config) standIn() {
	const something = "something"
	for _, of := range []struct {
		key   string
		value *string
		stand string
	}{
		{"clientId", &c.ClientID, something},
		{"rootURL", &c.RootURL, "https://taskcluster.example.com"},
		{"workerId", &c.WorkerID, something},
		{"workerType", &c.WorkerType, something},
	} {
		if !c.Given(of.key) && *of.value == "" {
			*of.value = of.stand
		}
	}
	if !c.Given("accessToken") {
		c.AccessToken = secret.New(something)
	}
}

// merge puts a JSON object over c. Objects are merged key by key. Warnings are of former keys and odd values.
func (c *Config) merge(data []byte) (warnings []string, err error) {
	top, err := object(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	found := problems{old: formers{}, given: map[string]bool{}}
	found.decode(top, reflect.ValueOf(c).Elem(), "")
	c.given = found.given
	warnings, wrong := found.old.apply(c)
	found.wrong = append(found.wrong, wrong...)
	if len(found.unknown) > 0 {
		return warnings, fmt.Errorf("%w: %s", ErrUnreadable, strings.Join(append(found.unknown, found.wrong...), "; "))
	}
	if len(found.wrong) > 0 {
		return warnings, fmt.Errorf("%w: %s", ErrInvalid, strings.Join(found.wrong, "; "))
	}
	if c.MaxMemoryUsagePercent > 100 {
		warnings = append(warnings, "maxMemoryUsagePercent is over 100: no task will be ended for the memory that it uses; disableOOMProtection says so too")
	}
	return warnings, nil
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
