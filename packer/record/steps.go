package record

import (
	"path"
	"strings"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
)

// shortest is the least time that a step of its own takes. Packer says more than a reader wants
// to know.
const shortest = 100 * time.Millisecond

// Steps divides the time of a build for a target into the steps that packer tells of. The times
// of all steps add up to the time that the build took. Lines of other targets are left out; the
// others are in the order of their times.
func Steps(target packer.Target, began time.Time, took time.Duration, lines []build.Line) []Step {
	s := steps{at: began, end: began.Add(took), name: "begin"}
	machine := false // in the steps of provision.sh
	for _, l := range lines {
		if l.Target != target || l.Step != "build" {
			continue
		}
		if name, ok := announced(l.Text); ok {
			machine = name != "clean" // the last on the machine: packer goes on with what it does itself
			s.next(name, l.Time)
		} else if name, copies, ok := stepOf(l.Text); ok && (copies || !machine) {
			machine = false
			s.next(name, l.Time)
		}
	}
	s.next("", s.end)
	var all []Step
	for i, took := range s.took {
		all = append(all, Step{Name: s.names[i], Took: took.Seconds()})
	}
	return all
}

// steps are the steps so far, and the one that goes on.
type steps struct {
	names []string
	took  []time.Duration
	name  string
	at    time.Time // when it began
	end   time.Time
}

// next ends the step that goes on. One that is too short is a part of the one before it, as is
// one of the same name.
func (s *steps) next(name string, at time.Time) {
	if at.Before(s.at) {
		at = s.at
	}
	if at.After(s.end) {
		at = s.end
	}
	took, last := at.Sub(s.at), len(s.took)-1
	switch {
	case last >= 0 && (took < shortest || s.names[last] == s.name):
		s.took[last] += took
	case took > 0 || name == "":
		s.names, s.took = append(s.names, s.name), append(s.took, took)
	}
	s.name, s.at = name, at
}

// announced returns the name of the step of provision.sh that a line begins. It comes behind the
// name of packer's source.
func announced(line string) (string, bool) {
	_, name, ok := strings.Cut(line, ": ==> step ")
	return name, ok && name != ""
}

// stepOf returns the name of the step of packer's own that a line begins: without what is another
// with each build, so that builds can be compared. What a program on the machine says on standard
// error looks the same; copies tells that the line is not of this kind, as packer runs or copies
// something next, which also ends the steps of provision.sh.
func stepOf(line string) (name string, copies, ok bool) {
	text, isHead := strings.CutPrefix(strings.TrimSpace(line), "==> ")
	if !isHead {
		return "", false, false
	}
	_, text, ok = strings.Cut(text, ": ")
	switch {
	case !ok || text == "" || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "->"):
		return "", false, false
	case strings.HasPrefix(text, "Provisioning with "):
		text, copies = strings.TrimSuffix(path.Base(text), path.Ext(text)), true
	case strings.HasPrefix(text, "Uploading "), strings.HasPrefix(text, "Downloading "):
		text, _, _ = strings.Cut(text, " ")
		copies = true
	case strings.HasPrefix(text, "Trying "): // a URL or path of the base
		text = "Trying"
	}
	text, _, _ = strings.Cut(text, ": ")
	text, _, _ = strings.Cut(text, " (")
	return strings.TrimRight(text, " .:"), copies, true
}
