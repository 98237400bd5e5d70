package commands

import (
	"context"
	"fmt"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
)

// Usage implements engines.Meter.
func (s *sandbox) Usage(context.Context) (engines.Usage, error) {
	u := s.tree.Usage()
	return engines.Usage{Memory: u.Memory, PeakMemory: u.PeakMemory, User: u.User, Kernel: u.Kernel, Read: u.Read, Written: u.Written}, nil
}

// peak is a line of the footer where memory is limited: what the task has used at most so far, and
// the system for its files. Elsewhere the footer is that of the public worker.
func peak(limits proc.Limits, u proc.Usage) string {
	if limits.Memory == 0 || u.PeakMemory == 0 {
		return ""
	}
	return fmt.Sprintf("%32s: %.2f MiB\n", "Peak Task Memory Used", float64(u.PeakMemory)/(1<<20))
}

// limited says whether a limit, or the want of memory, had a part in the end of a command. A
// process of the task that the system killed is a failure, whatever the command made of it.
func limited(status engines.Status, limits proc.Limits, u proc.Usage) engines.Status {
	switch {
	case u.MemoryKills > 0 && u.LimitReached:
		status.Success = false
		status.Reason = fmt.Sprintf("the task used more than its %d MiB of memory (workerkit.taskLimits) and %s", limits.Memory>>20, overMemory)
	case status.Success:
	case u.MemoryKills > 0:
		status.Reason += "; there was no memory left on the machine, and the system killed a process of the task"
	case u.Refused > 0:
		status.Reason += fmt.Sprintf("; the task was at its limit of %d %s (workerkit.taskLimits)", limits.Processes, limitedKind)
	}
	return status
}

var _ engines.Meter = (*sandbox)(nil)
