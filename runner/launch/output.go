package launch

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
)

// drainTime is how long the output of a worker is read after its end. All that it wrote itself
// is there at once; something that it started may hold its output open for ever.
// While its last words still come, for example because whoever writes the log is slow, the time
// starts anew, up to drainCap.
const (
	drainTime = time.Second
	drainCap  = 10 * time.Second
)

// source is where a worker's output comes from.
type source interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

// output is what a worker writes. When the worker has ended, each read has a deadline.
type output struct {
	source
	last atomic.Pointer[time.Time] // when reading ends in any case; nil while the worker runs
	read chan struct{}             // closed when it has been read
	err  error                     // why no more is read, once read is closed
}

// listen begins to read what a worker says.
func (w *Worker) listen(from source, handle func(protocol.Message), text func(string)) *output {
	o := &output{source: from, read: make(chan struct{})}
	go func() {
		defer close(o.read)
		o.err = w.conn.Read(o, handle, text)
	}()
	return o
}

// finish reads the rest of what a worker that has ended has said.
func (o *output) finish(log *slog.Logger) {
	if err := o.drain(); err != nil {
		// Windows: a read cannot be ended, not even by Close. It ends with this program.
		select {
		case <-o.read:
			_ = o.Close()
		case <-time.After(drainTime):
		}
		return
	}
	<-o.read
	if errors.Is(o.err, os.ErrDeadlineExceeded) {
		log.Warn("the worker has ended, but something that it started holds its output open")
	}
	_ = o.Close()
}

// Read implements io.Reader.
func (o *output) Read(p []byte) (int, error) {
	if last := o.last.Load(); last != nil {
		// There was data until now, or nobody would read on.
		if err := o.limit(*last); err != nil {
			return 0, err
		}
	}
	return o.source.Read(p)
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
	return o.SetReadDeadline(deadline)
}
