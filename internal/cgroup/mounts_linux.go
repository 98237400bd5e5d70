package cgroup

import (
	"path/filepath"
	"slices"
	"strings"
)

// places are the folders of this process's own groups.
type places struct {
	unified string            // of version 2; "" where it is not mounted
	old     map[string]string // of version 1, by controller
	top     bool              // unified is as far up as this process can see
}

// locate finds the groups from what /proc/self says in mountinfo and cgroup.
func locate(mountinfo, own string) places {
	paths := map[string]string{} // by controller; "" is version 2
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) < 3 {
			continue
		}
		for name := range strings.SplitSeq(fields[1], ",") {
			paths[name] = fields[2]
		}
	}
	found := places{old: map[string]string{}}
	for line := range strings.Lines(mountinfo) {
		m, ok := parseMount(line)
		if !ok {
			continue
		}
		if m.kind == "cgroup2" {
			if path, ok := paths[""]; ok && found.unified == "" {
				found.unified, found.top = m.dir(path), m.dir(path) == m.point
			}
			continue
		}
		for _, name := range []string{memory, pids, cpu, cpuacct, freezer} {
			if path, ok := paths[name]; ok && slices.Contains(m.options, name) {
				found.old[name] = m.dir(path)
			}
		}
	}
	return found
}

// mount is a mounted hierarchy.
type mount struct {
	root, point, kind string
	options           []string
}

// parseMount reads a line of mountinfo if it is that of a hierarchy.
func parseMount(line string) (mount, bool) {
	front, back, ok := strings.Cut(line, " - ")
	fields, rest := strings.Fields(front), strings.Fields(back)
	if !ok || len(fields) < 5 || len(rest) < 3 || rest[0] != "cgroup" && rest[0] != "cgroup2" {
		return mount{}, false
	}
	const space = `\040`
	return mount{
		root: strings.ReplaceAll(fields[3], space, " "), point: strings.ReplaceAll(fields[4], space, " "),
		kind: rest[0], options: strings.Split(rest[2], ","),
	}, true
}

// dir is the folder of a group. In a container the mount may show only a part of the hierarchy.
func (m mount) dir(path string) string {
	if rel, err := filepath.Rel(m.root, path); err == nil && !strings.HasPrefix(rel, "..") {
		return filepath.Join(m.point, rel)
	}
	return m.point
}
