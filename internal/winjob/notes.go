package winjob

import (
	"errors"
	"fmt"
	"sync"
)

// note is what the system says of a job.
type note struct {
	kind uint32
	pid  uint32 // of whom it is said, where it is of one
}

// Kinds of notes: the system's, and those that a watch writes to itself.
const (
	processLimit = 3  // JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT
	memoryLimit  = 10 // JOB_OBJECT_MSG_JOB_MEMORY_LIMIT

	marked = 1 << 16
	ended  = marked + 1
)

// port is where notes arrive, in their order.
type port interface {
	next() (note, error) // waits
	post(n note) error
}

// errGone means that there is no process of the number any more.
var errGone = errors.New("the process has ended")

// process is one that is held, so that its number is not another one's.
type process interface {
	// ended tells the exit code of one that has.
	ended() (code uint32, ok bool)
	close()
}

// watch counts what the system notes of a job. The system does not kill a process that wants more memory
// than the job may have: it refuses, and most programs end then. Those that go on are left alone.
type watch struct {
	port port
	open func(pid uint32) (process, error) // errGone
	done chan struct{}                     // closed when run has ended

	mu      sync.Mutex
	refused uint64             // processes that were not started
	failed  uint64             // processes that were refused memory and failed
	held    map[uint32]process // that were refused memory, and are not known to have ended
	marks   map[uint32]chan struct{}
	last    uint32 // mark
}

func newWatch(p port, open func(uint32) (process, error)) *watch {
	return &watch{port: p, open: open, done: make(chan struct{}), held: map[uint32]process{}, marks: map[uint32]chan struct{}{}}
}

// run takes notes until end is called, or none can be had any more.
func (w *watch) run() {
	defer close(w.done)
	for {
		n, err := w.port.next()
		if err != nil || n.kind == ended {
			return
		}
		w.take(n)
	}
}

func (w *watch) take(n note) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch n.kind {
	case processLimit:
		w.refused++
	case memoryLimit:
		w.settle() // so that no more are held than there are
		w.hold(n.pid)
	case marked:
		if mark := w.marks[n.pid]; mark != nil {
			close(mark)
			delete(w.marks, n.pid)
		}
	}
}

// hold keeps a process whose end is to be known. One that has ended already did so because of the refusal.
func (w *watch) hold(pid uint32) {
	if w.held[pid] != nil {
		return
	}
	p, err := w.open(pid)
	switch {
	case err == nil:
		w.held[pid] = p
	case errors.Is(err, errGone):
		w.failed++
	}
}

// settle counts the processes that have failed, and lets go of all that have ended.
func (w *watch) settle() {
	for pid, p := range w.held {
		code, gone := p.ended()
		if !gone {
			continue
		}
		if code != 0 {
			w.failed++
		}
		p.close()
		delete(w.held, pid)
	}
}

// counted is what was noted up to now.
func (w *watch) counted() (refused, failed uint64) {
	w.reach()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle()
	return w.refused, w.failed
}

// reach waits until the notes are taken that have arrived.
func (w *watch) reach() {
	mark := make(chan struct{})
	w.mu.Lock()
	w.last++
	id := w.last
	w.marks[id] = mark
	w.mu.Unlock()
	if w.port.post(note{kind: marked, pid: id}) == nil {
		select {
		case <-mark:
		case <-w.done:
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.marks, id)
}

// end waits for run, and lets go of everything.
func (w *watch) end() error {
	if err := w.port.post(note{kind: ended}); err != nil {
		return fmt.Errorf("end the watch of a job: %w", err) // run waits for ever
	}
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	for pid, p := range w.held {
		p.close()
		delete(w.held, pid)
	}
	return nil
}
