package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
)

// problems are what decode finds, a line each, in the order of the keys.
type problems struct {
	unknown, wrong []string
	old            formers         // keys of older releases, at the top level
	given          map[string]bool // names of the keys that the file has
}

// decode puts the values of a JSON object into the fields of a struct. Keys match in any case.
func (p *problems) decode(object map[string]json.RawMessage, into reflect.Value, prefix string) {
	t := into.Type()
	var names []string
	for field := range t.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name) // what has no name comes last, and from no file
		}
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, key) })
		if _, old := former(key); old && prefix == "" && i < 0 {
			p.old[strings.ToLower(key)] = object[key]
			continue
		}
		if i < 0 {
			p.unknown = append(p.unknown, fmt.Sprintf("unknown key %q%s", prefix+key, hint(key, names)))
			continue
		}
		p.given[prefix+names[i]] = true
		p.value(object[key], into.Field(i), prefix+names[i])
	}
}

func (p *problems) value(raw json.RawMessage, into reflect.Value, name string) {
	switch into.Interface().(type) {
	case []PreloadedCache:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) == nil {
			into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
			for i, item := range items {
				p.value(item, into.Index(i), fmt.Sprintf("%s[%d]", name, i))
			}
			return
		}
	case D2G, Workerkit, TaskLimits, PreloadedCache:
		var inner map[string]json.RawMessage
		if json.Unmarshal(raw, &inner) == nil {
			p.decode(inner, into, name+".")
			return
		}
	}
	if json.Unmarshal(raw, into.Addr().Interface()) != nil { // the error may hold the value
		p.wrong = append(p.wrong, name+" must be "+expected(into))
	}
}

// expected says in words what a field takes.
func expected(field reflect.Value) string {
	switch field.Interface().(type) {
	case net.IP:
		return "an IP address in a string"
	case secret.String:
		return "a string"
	}
	switch field.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<field.Type().Bits()-1)
	case reflect.Uint, reflect.Uint64:
		return "a whole number, not negative"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}
