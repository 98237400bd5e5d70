package define

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// source is one image block.
type source struct {
	label    string
	block    *hclsyntax.Block
	extends  string // the label that it extends, or ""
	abstract bool
	broken   bool // something in it is wrong: what seems to be missing is perhaps only misspelt
	chain    []*source
}

// collect takes the blocks of a file, and compares them with the schema. What seems to be missing
// in a torn file is perhaps there.
func (l *loader) collect(body *hclsyntax.Body, torn bool) {
	top := fileSchema()
	for _, name := range slices.Sorted(maps.Keys(body.Attributes)) {
		l.fail(body.Attributes[name].NameRange, "Attribute outside of a block",
			"%s stands outside of a block; a file holds image, locals and variable blocks.", name)
	}
	for _, b := range body.Blocks {
		known, ok := top.blocks[b.Type]
		if !ok {
			l.unknownBlock(b, top)
			continue
		}
		label, ok := l.label(b, known)
		if !ok {
			continue
		}
		switch b.Type {
		case "locals":
			l.addLocals(b)
		case "variable":
			l.addVariable(label, b, known.body)
		case "image":
			l.addImage(label, b, known.body, torn)
		}
	}
}

func (l *loader) addImage(label string, b *hclsyntax.Block, known *schema, torn bool) {
	if first, ok := l.images[label]; ok {
		l.fail(b.DefRange(), "Image defined twice", "The image %q is already at %s.", label, place(first.block.DefRange()))
		return
	}
	s := &source{label: label, block: b}
	before := len(l.problems)
	l.compare(b.Body, known)
	s.extends = l.literalText(b.Body, "extends")
	s.abstract = l.literalFlag(b.Body, "abstract")
	s.broken = torn || len(l.problems) > before
	l.images[label] = s
	l.order = append(l.order, s)
}

// compare looks for what the schema does not have, and for what is there twice.
func (l *loader) compare(body *hclsyntax.Body, known *schema) {
	for name, a := range body.Attributes {
		if _, ok := known.attributes[name]; ok {
			continue
		}
		if _, ok := known.blocks[name]; ok {
			l.fail(a.NameRange, "Block expected", "%s is a block: write %s { … } without \"=\".", name, name)
			continue
		}
		l.fail(a.NameRange, "Unknown attribute", "There is no attribute %q here%s.", name, perhaps(name, known.names()))
	}
	seen := map[string]hcl.Range{}
	for _, b := range body.Blocks {
		inner, ok := known.blocks[b.Type]
		if !ok {
			l.unknownBlock(b, known)
			continue
		}
		label, ok := l.label(b, inner)
		if !ok {
			continue
		}
		key := fmt.Sprintf("%s %q", b.Type, label)
		if first, twice := seen[key]; twice {
			l.fail(b.DefRange(), "Block defined twice", "There is already such a block at %s; write all in one.", place(first))
		}
		seen[key] = b.DefRange()
		if body := inner.of(label); body != nil {
			l.compare(b.Body, body)
		} else if len(b.Body.Blocks) > 0 {
			l.fail(b.Body.Blocks[0].DefRange(), "Unknown block", "A %s block holds attributes only.", b.Type)
		}
	}
}

// label checks the label of a block, or that there is none.
func (l *loader) label(b *hclsyntax.Block, known block) (string, bool) {
	switch {
	case known.label == "" && len(b.Labels) > 0:
		l.fail(b.LabelRanges[0], "Label not expected", "%s has no label: write %s { … }.", b.Type, b.Type)
		return "", false
	case known.label == "":
		return "", true
	case len(b.Labels) != 1:
		l.fail(b.DefRange(), "Label expected", "%s needs one label, its %s: write %s \"%s\" { … }.", b.Type, known.label, b.Type, strings.ToUpper(known.label))
		return "", false
	}
	if known.check != nil {
		if err := known.check(b.Labels[0]); err != nil {
			l.fail(b.LabelRanges[0], "Bad "+known.label, "%s.", capital(err.Error()))
			return "", false
		}
	}
	return b.Labels[0], true
}

func (l *loader) unknownBlock(b *hclsyntax.Block, known *schema) {
	if _, ok := known.attributes[b.Type]; ok {
		l.fail(b.TypeRange, "Attribute expected", "%s is an attribute: write %s = ….", b.Type, b.Type)
		return
	}
	l.fail(b.TypeRange, "Unknown block", "There is no block %q here%s.", b.Type, perhaps(b.Type, known.names()))
}

// names are what may stand in a body, in a fixed order.
func (s *schema) names() []string {
	names := slices.Collect(maps.Keys(s.attributes))
	names = slices.AppendSeq(names, maps.Keys(s.blocks))
	slices.Sort(names)
	return names
}

// of is the schema of a block's body; nil when any attributes may stand in it.
func (b block) of(label string) *schema {
	if b.bodies != nil {
		return b.bodies[label]
	}
	return b.body
}

// literalText is an attribute that must be known before anything is evaluated.
func (l *loader) literalText(body *hclsyntax.Body, name string) string {
	if n := l.literal(body, name); n != nil && l.checkKind(n, attribute{kind: text}, name) {
		return n.value.AsString()
	}
	return ""
}

func (l *loader) literalFlag(body *hclsyntax.Body, name string) bool {
	n := l.literal(body, name)
	return n != nil && l.checkKind(n, attribute{kind: flag}, name) && n.value.True()
}

func (l *loader) literal(body *hclsyntax.Body, name string) *node {
	a, ok := body.Attributes[name]
	if !ok {
		return nil
	}
	if len(a.Expr.Variables()) > 0 {
		l.fail(a.Expr.Range(), "Variable not allowed", "%s depends on nothing: write its value.", name)
		l.bad[a.Expr] = true
		return nil
	}
	return l.node(a.Expr, l.language.context(nil, nil, nil))
}

// place is a range as people write it.
func place(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// capital makes a sentence of an error's text.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
