package define

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/workerkit/workerkit/packer"
)

// resolve makes the images.
func (l *loader) resolve() []packer.Image {
	var images []packer.Image
	known := imageSchema()
	taken := map[string]hcl.Range{}
	vars, locals := l.varValues(), l.localValues()
	for _, s := range l.order {
		if s.abstract || s.chain == nil {
			continue
		}
		all, ok := l.combinations(s)
		if !ok {
			continue
		}
		for _, c := range all {
			e := &evaluation{loader: l, source: s, combination: c, context: l.language.context(vars, locals, c.values)}
			image := e.image(known)
			if first, twice := taken[image.Name]; twice && image.Name != "" {
				l.fail(s.block.DefRange(), "Image defined twice",
					"Two images are called %q; the other comes from %s. A matrix needs all its keys in the name.", image.Name, place(first))
			}
			taken[image.Name] = s.block.DefRange()
			images = append(images, image)
		}
	}
	return images
}

// evaluation is one image for one combination of its matrix.
type evaluation struct {
	*loader
	source      *source
	combination combination
	context     *hcl.EvalContext
	broken      bool // something was not understood: what seems to be missing is perhaps there
}

// image evaluates, merges and decodes.
func (e *evaluation) image(known *schema) packer.Image {
	var tree *node
	name := newScalar(e.source.block.LabelRanges[0], textValue(e.source.label+e.combination.suffix))
	for _, s := range e.source.chain {
		e.broken = e.broken || s.broken
		body := e.body(s.block.Body, s.block.DefRange(), known)
		if names := body.get("replace"); names != nil && tree != nil {
			before := len(e.problems)
			tree = e.replace(tree, names, known)
			e.broken = e.broken || len(e.problems) > before
		}
		if given := body.get("name"); given != nil && s == e.source {
			name = given
		}
		for _, own := range []string{"name", "extends", "abstract", "replace", "matrix"} {
			body.drop(own) // they are of this image alone
		}
		tree = merge(tree, body, known)
	}
	if e.combination.suffix != "" || name.value.AsString() != e.source.label {
		e.checkKind(name, attribute{kind: text, check: checkName}, "name")
	}
	tree.set("name", name)
	return e.decode(tree, known)
}

// body evaluates a body. What is wrong is left out. The blocks of one type that have labels
// become one mapping by label.
func (e *evaluation) body(body *hclsyntax.Body, at hcl.Range, known *schema) *node {
	n := newMapping(at)
	for _, a := range inOrder(body) {
		about, ok := known.attributes[a.Name]
		if !ok {
			continue
		}
		if !e.ready(a.Expr, e.source.label, e.combination.values) {
			e.broken = true
			continue
		}
		value := e.node(a.Expr, e.context)
		switch {
		case value == nil:
			e.broken = true
		case value.null(): // as if it were not there
		case !e.checkKind(value, about, a.Name):
			e.broken = true
		default:
			n.set(a.Name, value)
		}
	}
	for _, b := range body.Blocks {
		e.block(n, b, known)
	}
	return n
}

// block evaluates a block into its place in n.
func (e *evaluation) block(n *node, b *hclsyntax.Block, known *schema) {
	about, ok := known.blocks[b.Type]
	if !ok || b.Type == "matrix" || len(b.Labels) != min(len(about.label), 1) {
		return // said by compare
	}
	if about.label == "" {
		n.set(b.Type, e.body(b.Body, b.DefRange(), about.body))
		return
	}
	inner := about.of(b.Labels[0])
	if inner == nil {
		return
	}
	if n.fields[b.Type] == nil {
		n.set(b.Type, newMapping(b.DefRange()))
	}
	n.fields[b.Type].set(b.Labels[0], e.body(b.Body, b.DefRange(), inner))
}

// inOrder are the attributes of a body as they were written.
func inOrder(body *hclsyntax.Body) []*hclsyntax.Attribute {
	return slices.SortedFunc(maps.Values(body.Attributes), func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.SrcRange.Start.Byte, b.SrcRange.Start.Byte)
	})
}
