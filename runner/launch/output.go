package launch

import (
	"os"
	"sync/atomic"
	"time"
)

// output is what a worker writes. When the worker has ended, each read has a deadline.
type output struct {
	file *os.File
	last atomic.Pointer[time.Time] // when reading ends in any case; nil while the worker runs
}

// Read implements io.Reader.
func (o *output) Read(p []byte) (int, error) {
	if last := o.last.Load(); last != nil {
		// There was data until now, or nobody would read on.
		if err := o.limit(*last); err != nil {
			return 0, err
		}
	}
	return o.file.Read(p)
}

// drain starts the time in which the rest is read. It fails where reads have no deadlines.
func (o *output) drain() error {
	last := time.Now().Add(drainCap)
	if err := o.limit(last); err != nil {
		return err
	}
	o.last.Store(&last)
	return o.limit(last) // for a read that has begun in between
}

func (o *output) limit(last time.Time) error {
	deadline := time.Now().Add(drainTime)
	if last.Before(deadline) {
		deadline = last
	}
	return o.file.SetReadDeadline(deadline)
}
