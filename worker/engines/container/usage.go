package container

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

// account is what the processes of a container have used together. What is not known is zero.
type account struct {
	user, kernel  time.Duration
	memory, peak  uint64 // bytes
	kills         uint64 // processes that the system killed for want of memory
	refused       uint64 // processes that were not started because of the limit of their number
	read, written uint64 // bytes from and to block devices
}

// Usage implements engines.Meter. It reads the control groups of this machine; those of an engine
// elsewhere are not known.
func (s *sandbox) Usage(context.Context) (engines.Usage, error) {
	s.mu.Lock()
	m := s.meter
	s.mu.Unlock()
	if m == nil {
		return engines.Usage{}, nil
	}
	var a account
	select {
	case <-s.done:
		a = m.last()
		a.memory = 0
	default:
		a = m.now()
	}
	return engines.Usage{Memory: a.memory, PeakMemory: a.peak, User: a.user, Kernel: a.kernel, Read: a.read, Written: a.written}, nil
}
