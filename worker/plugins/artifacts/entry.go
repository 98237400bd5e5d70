package artifacts

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/workerkit/workerkit/worker/task"
)

// entry is one item of the payload's artifacts.
type entry struct {
	Type            string    `json:"type"` // file or directory
	Path            string    `json:"path"`
	Name            string    `json:"name"`
	Expires         time.Time `json:"expires"`
	ContentType     string    `json:"contentType"`
	ContentEncoding string    `json:"contentEncoding"` // identity, gzip, zstd or, by extension, empty
	Optional        bool      `json:"optional"`
	// Include and Exclude are patterns of a directory's files; no Include is all.
	Include []string `json:"include"`
	Exclude []string `json:"exclude"`
}

// slack is how far an expiry may be out of its bounds, which are rounded on their way here.
const slack = time.Second

// iso is how times are written in the task's log.
const iso = "2006-01-02T15:04:05.000Z"

// complete fills in what the payload may leave out.
func (e *entry) complete(d task.Definition) error {
	if e.Name == "" {
		e.Name = filepath.ToSlash(e.Path)
	}
	if e.Expires.IsZero() {
		e.Expires = d.Expires
	}
	switch {
	case e.Type == "file" && (e.Name == "" || e.Name == "." || e.Name == ".."):
		return task.Malformed("artifact %q, with the path %q: a file needs a name, such as public/report.txt", e.Name, e.Path)
	case e.Expires.Before(d.Deadline.Add(-slack)):
		return task.Malformed("artifact %s: expires %s is before the task's deadline %s", e.Name, e.Expires.UTC().Format(iso), d.Deadline.UTC().Format(iso))
	case e.Expires.After(d.Expires.Add(slack)):
		return task.Malformed("artifact %s: expires %s is after the task's own %s", e.Name, e.Expires.UTC().Format(iso), d.Expires.UTC().Format(iso))
	case e.Expires.After(d.Expires):
		e.Expires = d.Expires // the queue allows no slack
	}
	return e.checkPatterns()
}

func (e *entry) checkPatterns() error {
	patterns := slices.Concat(e.Include, e.Exclude)
	if len(patterns) > 0 && e.Type != "directory" {
		return task.Malformed("artifact %s: include and exclude are for artifacts of the type directory", e.Name)
	}
	for _, pattern := range patterns {
		if why := wrong(pattern); why != "" {
			return task.Malformed("artifact %s: the pattern %q %s", e.Name, pattern, why)
		}
	}
	return nil
}

// wrong says what is wrong with a pattern. Alternatives in braces, which the library knows, are not
// taken: there is a list to write them in, and they can take for ever to match.
func wrong(pattern string) string {
	first, _, _ := strings.Cut(pattern, "/")
	switch {
	case first == "" || first == "." || first == "..":
		return "can match nothing: patterns are of paths below the directory, without anything in front"
	case hasBrace(pattern):
		return `has alternatives in braces: write them as patterns of their own, and a brace itself as \{`
	case !doublestar.ValidatePattern(pattern):
		return "is none: a [ or a \\ in it does not end"
	default:
		return ""
	}
}

func hasBrace(pattern string) bool {
	escaped := false
	for _, r := range pattern {
		if r == '{' && !escaped {
			return true
		}
		escaped = r == '\\' && !escaped
	}
	return false
}

// wants tells whether a directory's file with this path, relative to it, is to be uploaded.
func (e *entry) wants(rel string) bool {
	matches := func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, rel) }
	return (len(e.Include) == 0 || slices.ContainsFunc(e.Include, matches)) && !slices.ContainsFunc(e.Exclude, matches)
}
