package host

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"
)

// lastWords is how long output is read when all processes have been killed; on systems where
// one can escape, it may hold the output open for ever.
const lastWords = time.Second

// output is what a machine's processes write: into its log, and line by line to whoever listens.
type output struct {
	theirs *os.File // closed once they have it
	ours   *os.File
	log    *os.File
	read   chan struct{} // closed when all has been read
}

// newOutput takes log over.
func newOutput(log *os.File, line func(string)) (*output, error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the machine's output: %w", err), log.Close())
	}
	o := &output{theirs: theirs, ours: ours, log: log, read: make(chan struct{})}
	go func() {
		defer close(o.read)
		lines := bufio.NewReaderSize(ours, 64<<10) // longer lines come in parts
		for {
			text, part, err := lines.ReadLine()
			if err != nil {
				return
			}
			line(string(text))
			if !part {
				text = append(text, '\n')
			}
			_, _ = log.Write(text) // a full disk must not stop the machine
		}
	}()
	return o, nil
}

// started says that the processes have their end.
func (o *output) started() { _ = o.theirs.Close() }

// close waits for what is left and closes the log. The processes have been killed.
func (o *output) close() error {
	_ = o.theirs.Close() // mostly closed already
	_ = o.ours.SetReadDeadline(time.Now().Add(lastWords))
	<-o.read
	return errors.Join(o.ours.Close(), o.log.Close())
}
