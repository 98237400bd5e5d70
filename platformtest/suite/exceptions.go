package suite

import (
	"fmt"
	"regexp"
	"strings"
)

// Exceptions are what cannot work on a platform, by the package's folder.
type Exceptions map[string]exception

// exception is what of one package does not work.
type exception struct {
	whole string            // why nothing does
	tests map[string]string // why one does not
}

// pattern matches the tests, for -test.skip, which has a pattern for each part of a name.
func (e exception) pattern() string {
	var names []string
	for name := range e.tests {
		parts := strings.Split(regexp.QuoteMeta(name), "/")
		names = append(names, "^"+strings.Join(parts, "$/^")+"$")
	}
	return strings.Join(names, "|")
}

// Parse reads a list of exceptions. A line is a package, a test of it (Test/part for one part of it)
// unless it is about all of them, a colon and the reason.
func Parse(text string) (Exceptions, error) {
	all := Exceptions{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, why, ok := strings.Cut(line, ": ")
		if !ok || !strings.HasSuffix(why, ".") {
			return nil, fmt.Errorf("exceptions: %q is not a package, a test, a colon and a sentence", line)
		}
		name, test, one := strings.Cut(what, " ")
		e := all[name]
		if _, twice := e.tests[test]; twice || e.whole != "" {
			return nil, fmt.Errorf("exceptions: %s is there twice", what)
		}
		if e.tests == nil {
			e.tests = map[string]string{}
		}
		if one {
			e.tests[test] = why
		} else {
			e.whole = why
		}
		all[name] = e
	}
	return all, nil
}
