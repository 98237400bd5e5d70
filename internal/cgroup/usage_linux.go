package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// batch is how far below a limit the peak may stay when the system finds no more: it takes memory
// in steps.
const batch = 1 << 20

// Usage says what the group has used so far.
func (g *Group) Usage() Usage {
	u := Usage{Refused: value(g.read(pids, "pids.events"), "max")}
	g.time(&u)
	peak := "memory.max_usage_in_bytes"
	if slices.Contains(g.root.on, memory) {
		peak = "memory.peak"
		events := g.read(memory, "memory.events")
		u.MemoryKills = value(events, "oom_kill")
		u.LimitReached = g.limits.Memory > 0 && value(events, "oom") > 0
	} else {
		u.MemoryKills = value(g.read(memory, "memory.oom_control"), "oom_kill")
	}
	u.PeakMemory = number(g.read(memory, peak))
	if g.limits.Memory > 0 && u.PeakMemory+batch >= g.limits.Memory {
		u.LimitReached = true // version 1 does not say; not every kernel counts its memory.failcnt
	}
	return u
}

// Memory is what the group uses now, in bytes, without what the system can drop at once; 0
// where it is not counted.
func (g *Group) Memory() uint64 {
	current, idle := "memory.usage_in_bytes", "total_inactive_file"
	if slices.Contains(g.root.on, memory) {
		current, idle = "memory.current", "inactive_file"
	}
	used := number(g.read(memory, current))
	return used - min(used, value(g.read(memory, "memory.stat"), idle))
}

// time adds the processor time, which version 2 counts without a controller.
func (g *Group) time(u *Usage) {
	if g.unified == nil {
		u.User = time.Duration(number(g.read(cpuacct, "cpuacct.usage_user")))  //nolint:gosec // nanoseconds
		u.System = time.Duration(number(g.read(cpuacct, "cpuacct.usage_sys"))) //nolint:gosec // nanoseconds
		return
	}
	data, _ := os.ReadFile(filepath.Join(g.unified.Name(), "cpu.stat"))
	u.User = time.Duration(value(string(data), "user_usec")) * time.Microsecond     //nolint:gosec // far below
	u.System = time.Duration(value(string(data), "system_usec")) * time.Microsecond //nolint:gosec // far below
}

// value finds the number behind a name in lines like "oom_kill 3".
func value(text, name string) uint64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return number(rest)
		}
	}
	return 0
}

func number(text string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSpace(text), 10, 64) // 0 where the system does not count
	return n
}
