package host

import "time"

// SetGrace changes how long a machine's processes get that has switched itself off.
func (h *Host) SetGrace(d time.Duration) { h.grace = d }

// PowerOf tells what a call of a program asks for: "none", "off" or "reboots".
func PowerOf(program string, args ...string) string {
	return map[power]string{none: "none", off: "off", reboots: "reboots"}[powerOf(program, args)]
}

// Merge is merge.
func Merge(base, over map[string]any) map[string]any { return merge(base, over) }
