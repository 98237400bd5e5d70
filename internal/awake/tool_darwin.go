package awake

import "strconv"

// tool prevents the sleep of the idle machine, of its disks and, on mains power, of the system, as long as the process is
// there: nothing is left of one that was killed. The display may go dark.
func tool(pid int) []string {
	return []string{"/usr/bin/caffeinate", "-i", "-m", "-s", "-w", strconv.Itoa(pid)}
}
