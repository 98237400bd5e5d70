package config

import (
	"maps"
	"slices"
)

// Saved is a layer of worker config that was kept over a restart.
type Saved struct {
	From   string // for Setting.From
	Secret bool   // hides every value
	Config map[string]any
}

// WithSaved puts saved layers, lowest first, over the worker config in settings, as Merge does.
func WithSaved(settings []Setting, layers []Saved) []Setting {
	settings = slices.Clone(settings)
	for _, layer := range layers {
		shown := layer.Config
		if layer.Secret {
			shown = Layer{Config: shown}.Redacted().Config
		}
		settings = over(settings, shown, layer.From, []string{"workerConfig"})
	}
	return settings
}

// over puts the values of an object over what is set already.
func over(settings []Setting, values map[string]any, from string, parents []string) []Setting {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		path := append(slices.Clone(parents), key)
		if m, ok := values[key].(map[string]any); ok && len(m) > 0 {
			settings = slices.DeleteFunc(settings, func(s Setting) bool { return slices.Equal(s.Path, path) })
			settings = over(settings, m, from, path)
			continue
		}
		next := Setting{Path: path, Value: Shown(key, values[key]), From: from}
		settings = slices.DeleteFunc(settings, func(s Setting) bool {
			below, isList := s.Value.([]any)
			above, both := next.Value.([]any)
			if slices.Equal(s.Path, path) && isList && both {
				next.Value, next.From = slices.Concat(below, above), s.From+" + "+from
			}
			return len(s.Path) >= len(path) && slices.Equal(s.Path[:len(path)], path)
		})
		settings = append(settings, next)
	}
	return settings
}
