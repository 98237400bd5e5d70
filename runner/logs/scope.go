package logs

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
)

// scope is what With and WithGroup have added to a logger. Groups become prefixes with a dot.
type scope struct {
	prefix string
	attrs  []slog.Attr
}

func (s scope) with(attrs []slog.Attr) scope {
	s.attrs = slices.Clip(s.attrs)
	for _, a := range attrs {
		s.attrs = flatten(s.attrs, s.prefix, a)
	}
	return s
}

func (s scope) group(name string) scope {
	if name != "" {
		s.prefix += name + "."
	}
	return s
}

// all are the attributes of a record: those in front, those of its logger, its own. A later one
// replaces an earlier one of its name.
func (s scope) all(front []slog.Attr, r slog.Record) []slog.Attr {
	attrs := slices.Concat(front, s.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = flatten(attrs, s.prefix, a)
		return true
	})
	at := make(map[string]int, len(attrs))
	unique := attrs[:0]
	for _, a := range attrs {
		if i, ok := at[a.Key]; ok {
			unique[i] = a
			continue
		}
		at[a.Key] = len(unique)
		unique = append(unique, a)
	}
	return unique
}

// flatten appends an attribute, or those of a group.
func flatten(to []slog.Attr, prefix string, a slog.Attr) []slog.Attr {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			to = flatten(to, prefix, inner)
		}
		return to
	}
	if a.Key == "" {
		return to
	}
	return append(to, slog.Attr{Key: prefix + a.Key, Value: plain(v)})
}

// plain makes text of what every format shows as text.
func plain(v slog.Value) slog.Value {
	if v.Kind() == slog.KindDuration {
		return slog.StringValue(v.Duration().String())
	}
	if v.Kind() != slog.KindAny {
		return v
	}
	switch x := v.Any().(type) {
	case json.Number: // it is a text in Go, and a number in JSON
		return v
	case error:
		return slog.StringValue(x.Error())
	case fmt.Stringer:
		return slog.StringValue(x.String())
	default:
		return v
	}
}
