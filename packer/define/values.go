package define

import (
	"math/big"

	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/packer"
)

// text is the text at a path; "" when it is not there.
func (n *node) text(path ...string) string {
	if n = n.get(path...); n == nil || !n.isText() {
		return ""
	}
	return n.value.AsString()
}

func (n *node) flag(path ...string) bool {
	n = n.get(path...)
	return n != nil && n.isFlag() && n.value.True()
}

func (n *node) number(path ...string) int {
	if n = n.get(path...); n == nil {
		return 0
	}
	i, _ := wholeNumber(n)
	return i
}

func (n *node) texts(path ...string) []string {
	if n = n.get(path...); n == nil {
		return nil
	}
	var all []string
	for _, part := range n.list {
		all = append(all, part.text())
	}
	return all
}

// textMap is the map at a path, without the secrets in it; nil when it is empty.
func (n *node) textMap(path ...string) map[string]string {
	var all map[string]string
	each(n.get(path...), func(key string, part *node) {
		if part.isSecret() {
			return
		}
		if all == nil {
			all = map[string]string{}
		}
		all[key] = part.text()
	})
	return all
}

// secrets are the secrets of the map at a path; nil when there are none.
func (n *node) secrets(path ...string) map[string]packer.Secret {
	var all map[string]packer.Secret
	each(n.get(path...), func(key string, part *node) {
		if !part.isSecret() {
			return
		}
		if r, ok := part.value.EncapsulatedValue().(*reference); ok {
			if all == nil {
				all = map[string]packer.Secret{}
			}
			all[key] = r.to
		}
	})
	return all
}

// object is the map at a path as JSON would decode it, except that whole numbers are int64.
func (n *node) object(path ...string) map[string]any {
	if n = n.get(path...); n == nil || len(n.keys) == 0 {
		return nil
	}
	m, _ := n.plain().(map[string]any)
	return m
}

func (n *node) plain() any {
	switch n.shape {
	case mapping:
		m := map[string]any{}
		for key, part := range n.fields {
			m[key] = part.plain()
		}
		return m
	case list:
		all := []any{}
		for _, part := range n.list {
			all = append(all, part.plain())
		}
		return all
	}
	switch {
	case n.value.IsNull():
		return nil
	case n.value.Type() == cty.Number:
		return plainNumber(n.value.AsBigFloat())
	case n.value.Type() == cty.Bool:
		return n.value.True()
	default:
		return n.text()
	}
}

func plainNumber(f *big.Float) any {
	if i, exact := f.Int64(); exact == big.Exact {
		return i
	}
	number, _ := f.Float64()
	return number
}
