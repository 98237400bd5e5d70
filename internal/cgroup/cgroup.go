// Package cgroup puts the processes of a task into control groups of Linux: nothing leaves its
// group by changing session, parent, environment or directory, so a group is killed whole, what
// it uses is counted, and what it may use is limited.
//
// It takes what the machine offers: version 2 where the worker may make groups below its own
// (with the controllers that it can switch on there), version 1 for the controllers that are
// mounted that way, both where a machine has both, or nothing. Which it is, is logged once.
//
// Groups lie below the worker's own and are named workerkit-PID-NAMESPACE-START-NUMBER: by process
// id, its namespace and its start they are known when a worker died and left them, and removed by the next one.
//
// Version 2 has controllers only for groups whose parent holds no process itself. Where the
// worker's group is its own to arrange (a unit with Delegate=yes, the top of a container, or a
// group without other processes), it moves what is in the group into a leaf, workerkit-worker.
// Elsewhere groups are made all the same, without limits and without memory counted.
package cgroup

import "time"

// Limits are what the processes of a group may use together. Zero is no limit.
type Limits struct {
	Memory    uint64 // bytes, swap included
	Processes uint64 // threads included
	CPUWeight uint64 // 1 to 10000; 100 is usual
}

// Usage is what the processes of a group have used. What the system does not count is zero.
type Usage struct {
	User, System time.Duration
	PeakMemory   uint64 // bytes
	MemoryKills  uint64 // processes that the system killed for want of memory
	// LimitReached tells whether the group was at its limit of memory when there was no more, and
	// not the machine.
	LimitReached bool
	Refused      uint64 // processes that were not started because of the limit
}
