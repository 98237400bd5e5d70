package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pipeSize is what is asked of the system for a pipe, so that a task that prints much is woken less often.
	pipeSize = 1 << 20
	// readSize is what one read takes at most.
	readSize = 256 << 10
	// linger is how long a command's output may be silent after its end before it is taken as
	// complete. What the command left behind may still have something to say, as the tee of
	// "exec > >(tee file)" in a shell has; a server that holds the output for ever must not hold
	// up the task, and one that never is silent not for longer than most. Time in which the log
	// is slow to take what was read does not count.
	linger = 250 * time.Millisecond
	most   = 3 * time.Second
	// farewell is how long the end of killed processes' output is waited for: where some cannot
	// be killed it does not come.
	farewell = 2 * time.Second
)

// output is the way of one command's output into the log. Its end is when no process holds the
// command's standard output and error any more.
type output struct {
	r, w  *os.File     // w is passed on to the command
	steps atomic.Int64 // reads and writes; odd while what was read is being written
	size  atomic.Int64 // bytes that were read and written
	done  chan struct{}
	err   error // of the log; set before done is closed
}

func newOutput() (*output, error) {
	r, w, err := newPipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	widen(w)
	return &output{r: r, w: w, done: make(chan struct{})}, nil
}

// follow copies to the log until the output ends, on a goroutine that belongs to wg. It takes
// w away: only the command and its children hold it from now on.
func (o *output) follow(wg *sync.WaitGroup, log io.Writer) {
	_ = o.w.Close()
	wg.Go(func() {
		defer close(o.done)
		defer o.r.Close()
		o.err = o.copy(log)
	})
}

// copy copies to the end. It reads on when the log fails, so that the commands do not get
// stuck, and returns the log's first error.
func (o *output) copy(log io.Writer) error {
	var failed error
	buffer := make([]byte, readSize)
	late, end := false, int64(0) // whether the deadline has passed, and the most to copy then
	for {
		if late {
			_ = o.r.SetReadDeadline(time.Now().Add(linger)) // worked before
		}
		n, err := o.r.Read(buffer)
		o.steps.Add(1)
		if n > 0 && failed == nil {
			_, failed = log.Write(buffer[:n])
		}
		o.size.Add(int64(n))
		o.steps.Add(1)
		switch {
		case errors.Is(err, io.EOF) && over(o.r):
			return failed
		case errors.Is(err, io.EOF): // somebody has written nothing
		case late && (errors.Is(err, os.ErrDeadlineExceeded) || o.size.Load() >= end):
			return failed
		case errors.Is(err, os.ErrDeadlineExceeded):
			// It may have passed while the log was slow, with the last words of what was
			// killed still in the pipe. What is more than a pipe holds is not theirs.
			late, end = true, o.size.Load()+pipeSize
		case err != nil:
			return errors.Join(failed, fmt.Errorf("read the output: %w", err))
		}
	}
}

// ended waits for the end of the output, or until nothing comes any more.
func (o *output) ended() error {
	begin, seen, size := time.Now(), o.steps.Load(), o.size.Load()
	calm := time.Duration(0) // as long as nothing was being written
	tick := time.NewTicker(linger)
	defer tick.Stop()
	for {
		select {
		case <-o.done:
			return o.err
		case <-tick.C:
		}
		steps := o.steps.Load()
		writing := steps%2 != 0
		if !writing {
			calm += linger
		}
		// What the command itself wrote was at most in the pipe and the buffer when it ended.
		own := o.size.Load()-size < pipeSize+readSize
		silent := steps == seen && !writing
		if silent || calm >= most || !own && time.Since(begin) >= most {
			return nil
		}
		seen = steps
	}
}

// discard closes an output that nobody writes to.
func (o *output) discard() { _ = errors.Join(o.r.Close(), o.w.Close()) }
