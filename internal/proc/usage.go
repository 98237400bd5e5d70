package proc

import "time"

// Usage is what the processes of a tree have used. What the system does not count is zero.
type Usage struct {
	// User and Kernel are processor time. Without a control group they are that of the commands
	// which have been waited for, and of what those have waited for.
	User, Kernel time.Duration
	Memory       uint64 // bytes now; 0 after Close
	PeakMemory   uint64 // bytes
	MemoryKills  uint64 // processes that the system killed for want of memory
	LimitReached bool   // those were killed because the tree was at its limit, not the machine
	Refused      uint64 // processes that were not started because of the limit of their number
}

// Usage says what the tree has used so far; after Close, in all.
func (t *Tree) Usage() Usage {
	t.mu.Lock()
	spent, freed := t.spent, t.freed
	t.mu.Unlock()
	if freed {
		return spent
	}
	spent = t.job.counted(spent)
	spent.Memory = t.resident()
	return spent
}
