package config

import (
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/providers"
)

// naming gives the key of a field in one kind of file.
type naming func(providers.Field) string

func yamlName(f providers.Field) string { return f.Name }

func hclName(f providers.Field) string { return f.HCL }

// values reads a kind's fields from a block.
func (l *loader) values(kind providers.Kind, b *block, name naming) providers.Values {
	values := map[string]any{}
	for _, f := range kind.Fields {
		switch f.Type {
		case providers.TextMap:
			if m := b.textMap(name(f)); m != nil {
				values[f.Name] = m
				l.noteField(f, b.origin(name(f)), m)
			}
		case providers.AnyMap:
			if m := b.object(name(f), need(!f.Optional)).values; m != nil {
				values[f.Name] = m
				l.noteField(f, b.origin(name(f)), Shown("", m))
			}
		case providers.Flag:
			on := b.flag(name(f), false)
			values[f.Name] = on
			l.noteField(f, b.origin(name(f)), on)
		case providers.Text:
			l.textField(kind, f, b, name, values)
		}
	}
	return providers.NewValues(values)
}

func (l *loader) textField(kind providers.Kind, f providers.Field, b *block, name naming, values map[string]any) {
	key := name(f)
	if f.FileFor != "" {
		l.secretFile(kind, f, b, name, values)
		return
	}
	text, from := b.text(key, need(!missable(f) && !givenByFile(kind, f, b, name))), b.origin(key)
	what := ""
	if text == "" && f.Env != "" {
		text = l.getenv(f.Env)
		from, what = "environment "+f.Env, "the environment's "+f.Env+": "
	}
	if text == "" {
		text, from = f.Default, fromDefault
	} else if f.Check != nil {
		if err := f.Check(text); err != nil {
			b.problem(key, "%s%v", what, err)
		}
	}
	if text != "" {
		values[f.Name] = text
		l.noteField(f, from, text)
	}
}

// missable tells whether a Text may be missing from a file.
func missable(f providers.Field) bool { return f.Optional || f.Default != "" || f.Env != "" }

func (l *loader) getenv(name string) string {
	if l.options.Getenv == nil {
		return ""
	}
	return l.options.Getenv(name)
}

// givenByFile tells whether another field of the block gives f by a file.
func givenByFile(kind providers.Kind, f providers.Field, b *block, name naming) bool {
	return slices.ContainsFunc(kind.Fields, func(o providers.Field) bool { return o.FileFor == f.Name && b.has(name(o)) })
}

// secretFile reads a field that is the path of a file with another field's text.
func (l *loader) secretFile(kind providers.Kind, f providers.Field, b *block, name naming, values map[string]any) {
	key := name(f)
	path := b.text(key, optional)
	of := kind.Fields[slices.IndexFunc(kind.Fields, func(o providers.Field) bool { return o.Name == f.FileFor })]
	if b.has(key) && b.has(name(of)) {
		b.problem(key, "stands beside %s: give one of the two", name(of))
		return
	}
	if path == "" {
		return
	}
	data, note, err := private.Read(path)
	if err != nil {
		b.problem(key, "%v", err)
		return
	}
	l.report.note(note)
	text := strings.TrimSpace(string(data))
	if text == "" {
		b.problem(key, "%s is empty", path)
	} else if of.Check != nil {
		if err := of.Check(text); err != nil {
			b.problem(key, "the text in %s is wrong: %v", path, err)
		}
	}
	values[of.Name] = text
	l.noteField(f, b.origin(key), path)
}

// textMap reads a map whose values are texts.
func (b *block) textMap(name string) map[string]string {
	inner := b.object(name, optional)
	if inner.values == nil {
		return nil
	}
	m := map[string]string{}
	for key := range inner.values {
		m[key] = inner.text(key, required)
	}
	return m
}
