package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
)

// ErrUnreadable means that the file could not be loaded: it is missing, not JSON, or has a key
// that no configuration has. The public program ends with exit code 64 then.
var ErrUnreadable = errors.New("the configuration could not be loaded")

// ErrInvalid means that a value is missing or wrong: exit code 73.
var ErrInvalid = errors.New("the configuration is not valid")

// Load reads the configuration file over the defaults and checks it. The file holds secrets:
// when others can read it, it is made owner-only, which note says, or refused when it is not
// ours. Errors are ErrUnreadable or ErrInvalid and name the file and the keys, never a value.
func Load(path string) (c Config, note string, err error) {
	c = Defaults()
	data, note, err := private.Read(path)
	if err != nil {
		return c, "", fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if err := c.merge(data); err != nil {
		return c, note, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.Validate(); err != nil {
		return c, note, fmt.Errorf("%s: %w", path, err)
	}
	return c, note, nil
}

// merge puts a JSON object over c. Objects are merged key by key.
func (c *Config) merge(data []byte) error {
	top, err := object(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	var found problems
	found.decode(top, reflect.ValueOf(c).Elem(), "")
	if len(found.unknown) > 0 {
		return fmt.Errorf("%w: %s", ErrUnreadable, strings.Join(append(found.unknown, found.wrong...), "; "))
	}
	if len(found.wrong) > 0 {
		return fmt.Errorf("%w: %s", ErrInvalid, strings.Join(found.wrong, "; "))
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
