package insecure

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// output is the one pipe that all of a run's processes write to, and its way into the log. Only
// the goroutine that executes the commands reads it.
//
// A process that a command left behind may hold the pipe open for ever, so its end cannot tell
// when a command's own output is complete. Instead a mark that no output holds is written
// behind it, into the same pipe, when the command has ended.
type output struct {
	to     io.Writer
	r, w   *os.File // w is passed on to the processes
	mark   []byte
	marked atomic.Bool // the mark is being written
	buffer []byte
}

// bufferSize is what one read takes at most, and what is asked of the system for the pipe.
const bufferSize = 1 << 20

func newOutput(to io.Writer) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	widen(w)
	return &output{to: to, r: r, w: w, mark: []byte(rand.Text())}, nil
}

// follow copies to the log until ended is closed and all that was written before has been
// copied. It reads on when the log fails, so that the command does not get stuck, and returns
// the log's first error.
func (o *output) follow(ended <-chan struct{}) error {
	o.marked.Store(false)
	written := make(chan error, 1)
	go func() {
		<-ended
		o.marked.Store(true)
		_, err := o.w.Write(o.mark)
		written <- err
	}()
	err := o.copy()
	return errors.Join(err, <-written)
}

// copy copies up to the mark. What may be the mark's beginning at the end of a read is held back.
func (o *output) copy() error {
	if o.buffer == nil {
		o.buffer = make([]byte, bufferSize)
	}
	var failed error
	held := 0
	for {
		n, err := o.r.Read(o.buffer[held:])
		text := o.buffer[:held+n]
		held = 0
		complete := false
		if o.marked.Load() {
			before, after, found := bytes.Cut(text, o.mark)
			if complete = found; found {
				text = append(before, after...) // what a process left behind wrote after the mark
			} else {
				held = overlap(text, o.mark)
				text = text[:len(text)-held]
			}
		}
		if failed == nil && len(text) > 0 {
			_, failed = o.to.Write(text)
		}
		if complete {
			return failed
		}
		if err != nil {
			return errors.Join(failed, fmt.Errorf("read the output: %w", err))
		}
		if held > 0 {
			copy(o.buffer, o.mark[:held])
		}
	}
}

// overlap is the length of the longest end of text that is a beginning of mark.
func overlap(text, mark []byte) int {
	for n := min(len(text), len(mark)-1); n > 0; n-- {
		if bytes.HasSuffix(text, mark[:n]) {
			return n
		}
	}
	return 0
}

func (o *output) close() error {
	o.buffer = nil
	return errors.Join(o.r.Close(), o.w.Close())
}
