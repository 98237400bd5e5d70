package main

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
)

const (
	// sinkLines is how many lines wait for whoever reads the log; what comes then is dropped and
	// counted. The worker itself never waits for its log: a reader that is stuck must not keep it
	// from reclaiming its tasks or from ending.
	sinkLines = 4096
	// sinkPatience is how long the last words wait for a reader.
	sinkPatience = 5 * time.Second
)

// errUnread means that the runner did not take a message in time.
var errUnread = errors.New("the runner does not read what the worker says")

// sink takes the lines of the worker's log: to standard error, or to the runner once it is known
// to take them. One goroutine writes, in order.
type sink struct {
	out     io.Writer
	conn    atomic.Pointer[protocol.Conn] // nil without a runner
	jobs    chan func()
	stop    chan struct{}
	done    chan struct{}
	dropped atomic.Int64
}

// newSink makes a sink. Its owner calls close.
func newSink(out io.Writer) *sink {
	s := &sink{out: out, jobs: make(chan func(), sinkLines), stop: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *sink) run() {
	defer close(s.done)
	for {
		select {
		case job := <-s.jobs:
			job()
		case <-s.stop:
			for {
				select {
				case job := <-s.jobs:
					job()
				default:
					return
				}
			}
		}
	}
}

// close writes what is left, unless nobody takes it.
func (s *sink) close() {
	close(s.stop)
	patience := time.NewTimer(sinkPatience)
	defer patience.Stop()
	select {
	case <-s.done:
	case <-patience.C: // the goroutine ends with the process, as a write cannot be ended
	}
}

// through sends the log to the runner from now on.
func (s *sink) through(conn *protocol.Conn) { s.conn.Store(conn) }

// line logs a line without a prefix of its own.
func (s *sink) line(text string) {
	now := time.Now()
	select {
	case s.jobs <- func() { s.write(now, text) }:
	default:
		s.dropped.Add(1)
	}
}

func (s *sink) write(at time.Time, text string) {
	if n := s.dropped.Swap(0); n > 0 {
		s.write(at, fmt.Sprintf("WARN: %d lines of this log were dropped: nobody read it", n))
	}
	if conn := s.conn.Load(); conn != nil && conn.Agreed(protocol.Log) && conn.Send(protocol.LogText(text)) == nil {
		return
	}
	fmt.Fprintf(s.out, "%s %s\n", at.UTC().Format("2006/01/02 15:04:05Z"), text)
}

// send says something to the runner, after the lines before it.
func (s *sink) send(m protocol.Message) error {
	result := make(chan error, 1)
	patience := time.NewTimer(sinkPatience)
	defer patience.Stop()
	select {
	case s.jobs <- func() { result <- s.conn.Load().Send(m) }:
	case <-patience.C:
		return errUnread
	}
	select {
	case err := <-result:
		return err
	case <-patience.C:
		return errUnread
	}
}
