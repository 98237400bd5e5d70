package define

import (
	"errors"
	"math"

	"github.com/zclconf/go-cty/cty"
)

// checkKind tells whether a value is what the schema wants of the attribute, and says what is
// wrong with it.
func (l *loader) checkKind(n *node, a attribute, name string) bool {
	if a.kind == anything {
		return true
	}
	if a.kind != envMap && n.holdsSecret() {
		l.fail(n.at, "Secret in an image", "%s would leave the secret in the image. Only the environment of a script takes one.", name)
		return false
	}
	fits := false
	switch a.kind {
	case text:
		fits = n.isText()
	case whole:
		_, fits = wholeNumber(n)
	case flag:
		fits = n.isFlag()
	case texts:
		return l.checkList(n, a, name)
	case textMap, envMap:
		return l.checkMap(n, a, name)
	case object:
		fits = n.shape == mapping
	}
	if !fits {
		l.wrongType(n, a.kind, name)
		return false
	}
	return a.kind != text || l.checkText(n, a, name)
}

func (l *loader) wrongType(n *node, want kind, name string) {
	l.fail(n.at, "Wrong type", "%s is %s, not %s.", name, want, describe(n))
}

func (l *loader) checkText(n *node, a attribute, name string) bool {
	if a.check == nil {
		return true
	}
	if err := a.check(n.value.AsString()); err != nil {
		l.fail(n.at, "Bad "+name, "%s.", capital(err.Error()))
		if errors.Is(err, errUser) {
			l.problems[len(l.problems)-1].Extra = hidden
		}
		return false
	}
	return true
}

func (l *loader) checkList(n *node, a attribute, name string) bool {
	if n.shape != list {
		l.wrongType(n, a.kind, name)
		return false
	}
	fine := true
	for _, part := range n.list {
		switch {
		case !part.isText():
			l.fail(part.at, "Wrong type", "%s is a list of texts; this is %s.", name, describe(part))
			fine = false
		case !l.checkText(part, a, name):
			fine = false
		}
	}
	return fine
}

// checkMap also turns numbers and flags into texts. The node is fresh: nobody else has it.
func (l *loader) checkMap(n *node, a attribute, name string) bool {
	if n.shape != mapping {
		l.wrongType(n, a.kind, name)
		return false
	}
	fine := true
	for _, key := range n.keys {
		part := n.fields[key]
		if a.check != nil {
			if err := a.check(key); err != nil {
				l.fail(part.at, "Bad key in "+name, "%q: %s.", key, err)
				fine = false
			}
		}
		if part.isNumber() || part.isFlag() {
			part = newScalar(part.at, textValue(word(part.value)))
			n.fields[key] = part
		}
		switch {
		case part.isSecret(), part.isText() && l.checkText(part, attribute{check: a.value}, name):
		case part.isText():
			fine = false
		default:
			l.fail(part.at, "Wrong type", "%s is %s; its %q is %s.", name, a.kind, key, describe(part))
			fine = false
		}
	}
	return fine
}

// wholeNumber is the number of a node that is a whole one above zero.
func wholeNumber(n *node) (int, bool) {
	if !n.isNumber() {
		return 0, false
	}
	i, exact := n.value.AsBigFloat().Int64()
	return int(i), exact == 0 && i > 0 && i <= math.MaxInt32
}

// describe says what a value is, for an error.
func describe(n *node) string {
	switch {
	case n.null():
		return "null"
	case n.isSecret():
		return "a secret"
	case n.shape == list:
		return "a list"
	case n.shape == mapping:
		return "a map"
	case n.isText():
		return "a text"
	case n.isNumber():
		number := n.value.AsBigFloat()
		if number.IsInt() {
			return "the number " + number.Text('f', 0)
		}
		return "the number " + number.Text('g', 10)
	default:
		return "true or false"
	}
}

// describeType says what a value of a primitive type is.
func describeType(t cty.Type) string {
	switch t {
	case cty.Number:
		return "a number"
	case cty.Bool:
		return "true or false"
	default:
		return "a text"
	}
}
