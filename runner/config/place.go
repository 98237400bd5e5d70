package config

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/providers"
)

// place decides where the machine runs: an explicit name is never second-guessed, then comes
// the provider file, then the firmware. Keys of the place may stand in the YAML or in the
// provider file, not in both.
func (l *loader) place(ctx context.Context, b *block) Place {
	name, file := b.text("providerType", optional), b.text("file", optional)
	place := Place{PowerOff: b.flag("powerOff", false), Why: "the config names it"}
	if name == "" || name == "auto" {
		return l.detect(ctx, b, file, place)
	}
	kind, ok := l.kind(name)
	if !ok {
		b.problem("providerType", "%q is no provider type; known are %s", name, l.names())
		return place
	}
	place.Kind = kind
	if file == "" && !wantsFile(kind, b) {
		place.Values = l.values(kind, b, yamlName)
		b.warnUnknown()
		return place
	}
	if file == "" {
		file = l.options.ProviderFile
	}
	found := l.fromFile(b, file, place, false)
	if found.Kind.Name != "" && found.Kind.Name != kind.Name {
		b.problem("providerType", "is %s, but the provider file %s describes %s", kind.Name, file, found.Kind.Name)
	}
	return found
}

// wantsFile tells whether the kind needs keys, and the YAML has none of them.
func wantsFile(kind providers.Kind, b *block) bool {
	needed := false
	for _, f := range kind.Fields {
		if _, there := b.values[f.Name]; there {
			return false
		}
		needed = needed || (f.Type != providers.Flag && !missable(f))
	}
	return needed && len(b.leftover("providerType", "file", "powerOff")) == 0
}

// fromFile takes the place from a provider file. The YAML block must have no keys of its own.
// What was detected must agree with what the firmware says; what somebody named need not.
func (l *loader) fromFile(b *block, path string, place Place, detected bool) Place {
	for _, key := range b.leftover("providerType", "file", "powerOff") {
		if l.isField(key) {
			b.used[key] = true
			b.problem(key, "stands beside the provider file %s: describe the machine in one of the two", path)
		}
	}
	b.warnUnknown()
	data, note, err := private.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		b.problem("file", "there is no provider file %s, and no keys that would describe the machine here", path)
		return place
	}
	if err != nil {
		b.problem("file", "%v", err)
		return place
	}
	l.report.note(note)
	kindName, inner := parseProviderFile(path, data, l.options.Host, l.secretKey, l.report)
	if inner == nil {
		return place
	}
	kind, known := l.kind(kindName)
	if !known {
		l.report.add(&Problem{path, inner.lineOf(""), "provider", "there is no provider " + kindName + "; known are " + l.names()})
		return place
	}
	forced := inner.flag("force", false)
	if !detected || forced || !l.contradiction(inner, kind) { // else the firmware is believed, for what becomes of the machine
		place.Kind = kind
	}
	place.PowerOff = inner.flag("power_off", place.PowerOff)
	place.Values = l.values(kind, inner, hclName)
	inner.refuseUnknown()
	return place
}

func (b *block) leftover(common ...string) []string {
	return slices.DeleteFunc(b.unknown(), func(k string) bool { return slices.Contains(common, k) })
}

func (l *loader) isField(key string) bool {
	return slices.ContainsFunc(l.options.Kinds, func(k providers.Kind) bool {
		return slices.ContainsFunc(k.Fields, func(f providers.Field) bool { return f.Name == key })
	})
}

// secretKey tells whether a key of a provider file is secret.
func (l *loader) secretKey(kindName, key string) bool {
	kind, _ := l.kind(kindName)
	return slices.ContainsFunc(kind.Fields, func(f providers.Field) bool { return f.HCL == key && f.Secret })
}

func (l *loader) kind(name string) (providers.Kind, bool) {
	i := slices.IndexFunc(l.options.Kinds, func(k providers.Kind) bool {
		return k.Name == name || slices.Contains(k.Aliases, name)
	})
	if i < 0 {
		return providers.Kind{}, false
	}
	return l.options.Kinds[i], true
}

func (l *loader) names() string {
	var names []string
	for _, k := range l.options.Kinds {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}
