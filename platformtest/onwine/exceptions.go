package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

// unsuited says which packages and tests cannot work in Wine, and why. A line is a package, a test
// of it (Test/part for one part of it) unless it is about all of them, a colon and the reason.
//
//go:embed exceptions.txt
var unsuited string

// exception is what of one package does not work in Wine.
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

func exceptions() (map[string]exception, error) { return parse(unsuited) }

func parse(text string) (map[string]exception, error) {
	all := map[string]exception{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, why, ok := strings.Cut(line, ": ")
		if !ok || !strings.HasSuffix(why, ".") {
			return nil, fmt.Errorf("exceptions.txt: %q is not a package, a test, a colon and a sentence", line)
		}
		name, test, one := strings.Cut(what, " ")
		e := all[name]
		if _, twice := e.tests[test]; twice || e.whole != "" {
			return nil, fmt.Errorf("exceptions.txt: %s is there twice", what)
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
