package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// setting is a value to write into a file of a group.
type setting struct {
	file, value string
	optional    bool // depends on how the system was built
}

// limit sets the limits.
func (g *Group) limit() {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	l := g.limits
	if l.Memory > 0 {
		g.set(memory, "memory", []setting{
			{file: "memory.max", value: number(l.Memory)},
			{file: "memory.swap.max", value: "0", optional: true},
			{file: "memory.oom.group", value: "1", optional: true},
		}, []setting{
			{file: "memory.limit_in_bytes", value: number(l.Memory)},
			{file: "memory.memsw.limit_in_bytes", value: number(l.Memory), optional: true},
		})
	}
	if l.Processes > 0 {
		// Of version 1 the thread that starts a process is in the group meanwhile, and counts.
		g.set(pids, "processes", []setting{{file: "pids.max", value: number(l.Processes)}}, []setting{{file: "pids.max", value: number(l.Processes + 1)}})
	}
	if l.CPUWeight > 0 {
		const usual = 1024 / 100.0
		shares := max(2, uint64(float64(l.CPUWeight)*usual))
		g.set(cpu, "processor weight", []setting{{file: "cpu.weight", value: number(l.CPUWeight)}},
			[]setting{{file: "cpu.shares", value: number(shares)}})
	}
}

var errNoController = errors.New("the controller is not there")

// set writes the settings of version 2, or those of version 1, whichever has the controller.
func (g *Group) set(controller, limit string, unified, old []setting) {
	dir, settings := g.place(controller), old
	if dir == "" {
		g.root.lacks(limit, errNoController)
		return
	}
	if slices.Contains(g.root.on, controller) {
		settings = unified
	}
	for _, s := range settings {
		err := write(dir, s.file, s.value)
		if s.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			g.root.lacks(limit, err)
			return
		}
	}
}

// place is the folder of the group with a controller's files, or "".
func (g *Group) place(controller string) string {
	if slices.Contains(g.root.on, controller) {
		return g.unified.Name()
	}
	return g.old[controller]
}

// read reads a file of the group.
func (g *Group) read(controller, file string) string {
	dir := g.place(controller)
	if dir == "" {
		return ""
	}
	data, _ := os.ReadFile(filepath.Join(dir, file))
	return string(data)
}
