package launch

import (
	"errors"
	"sync"
	"time"
)

// errNotConnected means that the worker is not there yet, or no more.
var errNotConnected = errors.New("the worker is not connected")

// late is the way to a worker that has yet to connect. Writing to it before that fails.
type late struct {
	mu     sync.Mutex
	stream Stream // nil until then, and after Close
}

func (l *late) set(s Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream = s
}

func (l *late) get() (Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream == nil {
		return nil, errNotConnected
	}
	return l.stream, nil
}

// Write implements io.Writer.
func (l *late) Write(p []byte) (int, error) {
	s, err := l.get()
	if err != nil {
		return 0, err
	}
	return s.Write(p)
}

// SetWriteDeadline limits the writes from now on.
func (l *late) SetWriteDeadline(t time.Time) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

// Close implements io.Closer.
func (l *late) Close() error {
	s, err := l.get()
	if err != nil {
		return nil //nolint:nilerr // it is not open
	}
	l.set(nil)
	return s.Close()
}
