package pools

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff shows the change: a unified diff of the pool's definition. Of values it shows only those
// that say where machines run, what they boot and how often; the others may be secrets, are "…",
// and count all the same.
func (c Change) Diff() string {
	p := &printer{hidden: map[string]int{}, images: map[string]bool{}}
	for _, d := range []Definition{c.Former, c.Next} {
		p.learn(d)
	}
	for _, image := range c.images {
		p.images[image] = true
	}
	former, next := p.print(c.Former), p.print(c.Next)
	text := diff.Diff(c.Former.Pool+" now", []byte(former), c.Former.Pool+" new", []byte(next))
	_, shown, _ := strings.Cut(string(text), "\n") // after its own header
	shown = regexp.MustCompile("\x00[0-9]+\x00").ReplaceAllString(shown, "…")
	return regexp.MustCompile("\x01[0-9]+\x01").ReplaceAllString(shown, "")
}

// printer prints definitions as JSON with a member to a line. A value that is not shown is a
// number between zero bytes, the same for the same value; so is, at the end of the lines of a
// launch config, which one it is: it keeps lines of different ones apart.
type printer struct {
	hidden map[string]int
	images map[string]bool // parameters of Azure deployments that are images
	out    strings.Builder
	mark   string // at the end of lines
}

// visible are the paths of the values that are shown.
func visible() [][]string {
	var paths [][]string
	for _, path := range []string{
		"region", "zone", "location", "workerManager/*", "launchConfig/ImageId", "disks/*/initializeParams/sourceImage",
		"storageProfile/imageReference/*", "armDeployment/parameters/location/value", "armDeployment/parameters/*/value",
	} {
		paths = append(paths, append([]string{"config", "launchConfigs", "*"}, strings.Split(path, "/")...))
	}
	return paths
}

// learn notes the parameters that are known to be images by their name.
func (p *printer) learn(d Definition) {
	for _, l := range d.launches() {
		for _, place := range placesOf(l) {
			if place.main {
				p.images[place.image()] = true
			}
		}
	}
}

func (p *printer) print(d Definition) string {
	p.out.Reset()
	p.value(d.members, nil, "")
	p.line("")
	return p.out.String()
}

// line ends a line.
func (p *printer) line(next string) {
	p.out.WriteString(p.mark + "\n" + next)
}

// value prints a value at a path.
func (p *printer) value(value any, path []string, indent string) {
	if len(path) == 3 && path[1] == "launchConfigs" {
		defer func() { p.mark = "" }()
		p.mark = fmt.Sprintf("\x01%d\x01", p.number("launch", sortedOut(value)))
	}
	if !p.shows(value, path) {
		fmt.Fprintf(&p.out, "\x00%d\x00", p.number("value", value))
		return
	}
	switch value := value.(type) {
	case map[string]any:
		p.members(value, path, indent)
	case []any:
		p.list(value, path, indent)
	default:
		data, err := encode(value)
		if err != nil {
			data = []byte("null") // it was JSON a moment ago
		}
		p.out.Write(data)
	}
}

func (p *printer) members(object map[string]any, path []string, indent string) {
	p.out.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			p.out.WriteString(",")
		}
		p.line(indent + "  " + strconv.Quote(name) + ": ")
		p.value(object[name], append(slices.Clone(path), name), indent+"  ")
	}
	p.line(indent + "}")
}

func (p *printer) list(list []any, path []string, indent string) {
	p.out.WriteString("[")
	for i, entry := range list {
		if i > 0 {
			p.out.WriteString(",")
		}
		p.line(indent + "  ")
		p.value(entry, append(slices.Clone(path), strconv.Itoa(i)), indent+"  ")
	}
	p.line(indent + "]")
}

// shows tells whether a value is shown, or something in it is.
func (p *printer) shows(value any, path []string) bool {
	for _, known := range visible() {
		if len(path) > len(known) || !matches(known, path) {
			continue
		}
		_, object := value.(map[string]any)
		_, list := value.([]any)
		if len(path) < len(known) {
			if object || list {
				return true
			}
			continue
		}
		scalar := !object && !list
		if text, ok := value.(string); ok && path[len(path)-1] == "value" && path[len(path)-2] != "location" {
			scalar = p.images[text]
		}
		if scalar {
			return true
		}
	}
	return false
}

func matches(known, path []string) bool {
	for i := range path {
		if known[i] != "*" && known[i] != path[i] {
			return false
		}
	}
	return true
}

// number numbers values.
func (p *printer) number(kind string, value any) int {
	data, err := encode(value)
	if err != nil {
		return 0 // it was JSON a moment ago
	}
	key := kind + string(data)
	if _, known := p.hidden[key]; !known {
		p.hidden[key] = len(p.hidden)
	}
	return p.hidden[key]
}

// sortedOut is what a launch config has in common with what it becomes.
func sortedOut(value any) any {
	copied, ok := clone(value).(map[string]any)
	if !ok {
		return value
	}
	delete(copied, "workerManager")
	for _, p := range placesOf(copied) {
		if p.main {
			p.set("")
		}
	}
	return copied
}
