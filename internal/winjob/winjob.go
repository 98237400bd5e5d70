// Package winjob keeps the processes of one task together on Windows, limits what they use and counts
// it: what package cgroup does on Linux, by a job object. What it asks of the system is a small
// interface, so that what is made of the answers is the same in its tests; New has those of Windows.
package winjob

import "time"

// Limits are what the processes of a job may use together. Zero is no limit.
type Limits struct {
	Memory    uint64 // bytes that are committed, whether they are in memory or in a page file
	Processes uint64 // as on Linux, but threads do not count
	CPUWeight uint64 // 1 to 10000; 100 is usual
}

// Usage is what the processes of a job have used so far, those included that have ended.
type Usage struct {
	User, Kernel  time.Duration
	PeakMemory    uint64 // bytes that were committed at once; 0 where the system counts them for limited jobs alone
	MemoryKills   uint64 // processes that were refused memory at the limit and failed thereafter
	Refused       uint64 // processes that were not started because of the limit of their number
	Read, Written uint64 // bytes, whatever from and to: files, pipes and devices
}

// The rates that a job can have, of which the middle one is usual.
const (
	leastRate, usualRate, mostRate = 1, 5, 9
	usualWeight                    = 100
)

// rate is the system's weight that is as near to that of a control group as can be: both say how the
// processor is shared between those who want it, in proportion.
func rate(weight uint64) uint32 {
	scaled := (weight*usualRate + usualWeight/2) / usualWeight
	return uint32(max(leastRate, min(mostRate, scaled)))
}
