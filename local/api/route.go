package api

import (
	"net/url"
	"strings"
)

// route is a route of the reference, "/task/<taskId>/status", cut at its slashes.
type route struct {
	segments []segment
}

// segment is a literal or a parameter.
type segment struct {
	text  string
	param bool
}

func parseRoute(text string) route {
	var r route
	for part := range strings.SplitSeq(text, "/") {
		name, param := strings.CutPrefix(part, "<")
		r.segments = append(r.segments, segment{text: strings.TrimSuffix(name, ">"), param: param})
	}
	return r
}

// literals counts the segments that are no parameters.
func (r route) literals() int {
	n := 0
	for _, s := range r.segments {
		if !s.param {
			n++
		}
	}
	return n
}

// match takes the parameters out of an escaped path. A parameter is one segment, in which an
// escaped slash counts as text; but a last parameter called "name" takes all that is left,
// because the names of artifacts, objects and secrets hold slashes that not every client escapes.
// Only a namespace may be empty: it is then the root of the index.
func (r route) match(path string) (map[string]string, bool) {
	parts := strings.Split(path, "/")
	last := len(r.segments) - 1
	if end := r.segments[last]; end.param && end.text == "name" && len(parts) > len(r.segments) {
		parts = append(parts[:last:last], strings.Join(parts[last:], "/"))
	}
	if len(parts) != len(r.segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, s := range r.segments {
		if !s.param {
			if s.text != parts[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(parts[i])
		if err != nil || value == "" && s.text != "namespace" {
			return nil, false
		}
		params[s.text] = value
	}
	return params, true
}
