package proc

import "time"

// Usage is what the processes of a tree have used. What the system does not count is zero.
type Usage struct {
	// User and Kernel are processor time. Without a control group or job object they are that of the commands
	// which have been waited for, and of what those have waited for.
	User, Kernel time.Duration
	Memory       uint64 // bytes now; 0 after Close
	PeakMemory   uint64 // bytes
	MemoryKills  uint64 // processes that the system killed for want of memory; on Windows, that failed when they were refused it
	LimitReached bool   // those were killed because the tree was at its limit, not the machine
	Refused      uint64 // processes that were not started because of the limit of their number
	// Read and Written are bytes from and to block devices, on Linux, as the processes say which live:
	// each counts its children that have ended too, but those of a command that has ended are no more. On
	// Windows they are those from and to everything, pipes included, of all processes that there were.
	Read, Written uint64
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
	read, written := t.transferred()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spent.Read, t.spent.Written = max(t.spent.Read, read), max(t.spent.Written, written)
	spent.Read, spent.Written = t.spent.Read, t.spent.Written
	return spent
}
