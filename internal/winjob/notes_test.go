package winjob

import (
	"errors"
	"sync"
	"testing"
)

// line is a port: notes that arrive in their order.
type line struct {
	notes chan note
	fail  error // of post
}

func (l *line) next() (note, error) {
	n, ok := <-l.notes
	if !ok {
		return note{}, errors.New("closed")
	}
	return n, nil
}

func (l *line) post(n note) error {
	if l.fail == nil {
		l.notes <- n
	}
	return l.fail
}

// life is a process that is held.
type life struct {
	mu   sync.Mutex
	code uint32
	gone bool
	held int
}

func (l *life) ended() (uint32, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.code, l.gone
}

func (l *life) close() { l.held-- }

func (l *life) end(code uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.code, l.gone = code, true
}

// lives are the processes of a machine by their ids. One that is not there has ended.
type lives map[uint32]*life

func (l lives) open(pid uint32) (process, error) {
	const forbidden = 99
	if pid == forbidden {
		return nil, errors.New("access denied")
	}
	p, ok := l[pid]
	if !ok {
		return nil, errGone
	}
	p.held++
	return p, nil
}

func watching(t *testing.T, l lives) (*watch, *line) {
	t.Helper()
	port := &line{notes: make(chan note, 10)}
	w := newWatch(port, l.open)
	go w.run()
	t.Cleanup(func() {
		if err := w.end(); err != nil {
			t.Error(err)
		}
		for pid, p := range l {
			if p.held != 0 {
				t.Errorf("process %d is held %d times", pid, p.held)
			}
		}
	})
	return w, port
}

// What was refused memory counts when it has failed, and once, whatever it ends with later.
func TestRefusedMemory(t *testing.T) {
	fails, copes, lives1 := &life{}, &life{}, &life{}
	w, port := watching(t, lives{1: fails, 2: copes, 3: lives1})
	for _, pid := range []uint32{1, 2, 1, 3} {
		port.notes <- note{kind: memoryLimit, pid: pid}
	}
	if _, failed := w.counted(); failed != 0 {
		t.Errorf("%d failed, and none has ended", failed)
	}
	fails.end(0xc0000017)
	copes.end(0)
	for range 2 {
		if refused, failed := w.counted(); failed != 1 || refused != 0 {
			t.Errorf("%d failed, want 1; %d refused", failed, refused)
		}
	}
	if fails.held != 0 || copes.held != 0 || lives1.held != 1 {
		t.Errorf("held %d, %d, %d", fails.held, copes.held, lives1.held)
	}
}

// Many that are refused one after the other are not all held.
func TestEndedAreLetGo(t *testing.T) {
	all := lives{}
	w, port := watching(t, all)
	for pid := range uint32(50) {
		all[pid] = &life{code: 1, gone: true}
	}
	for pid := range uint32(50) {
		port.notes <- note{kind: memoryLimit, pid: pid}
	}
	w.reach()
	held := 0
	for _, p := range all {
		held += p.held
	}
	if held > 1 {
		t.Errorf("%d are held", held)
	}
	if _, failed := w.counted(); failed != 50 {
		t.Errorf("%d failed", failed)
	}
}

// A process that has ended before it could be held did so because of the refusal; of one that may not be
// looked at nothing is known.
func TestGoneAndForbidden(t *testing.T) {
	w, port := watching(t, lives{})
	port.notes <- note{kind: memoryLimit, pid: 7}
	port.notes <- note{kind: memoryLimit, pid: 99}
	if _, failed := w.counted(); failed != 1 {
		t.Errorf("%d failed, want 1", failed)
	}
}

// Processes are counted that were not started, and other notes are none of ours.
func TestProcessLimit(t *testing.T) {
	const another = 6 // JOB_OBJECT_MSG_NEW_PROCESS
	w, port := watching(t, lives{})
	for _, kind := range []uint32{processLimit, another, processLimit} {
		port.notes <- note{kind: kind, pid: 1}
	}
	if refused, failed := w.counted(); refused != 2 || failed != 0 {
		t.Errorf("%d refused, want 2; %d failed", refused, failed)
	}
}

// Nobody waits for a watch that has ended, or that cannot be reached.
func TestWatchThatEnds(t *testing.T) {
	port := &line{notes: make(chan note, 10)}
	w := newWatch(port, lives{}.open)
	go w.run()
	port.notes <- note{kind: processLimit}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if refused, _ := w.counted(); refused != 1 {
				t.Errorf("%d refused", refused)
			}
		})
	}
	all.Wait()
	port.fail = errors.New("told to fail")
	if refused, _ := w.counted(); refused != 1 || len(w.marks) > 0 {
		t.Errorf("%d refused, %d marks", refused, len(w.marks))
	}
	if err := w.end(); !errors.Is(err, port.fail) {
		t.Errorf("%v", err)
	}
	broken := newWatch(&line{notes: closedNotes()}, lives{}.open)
	broken.run() // returns
}

func closedNotes() chan note {
	c := make(chan note)
	close(c)
	return c
}

func TestRate(t *testing.T) {
	for weight, want := range map[uint64]uint32{1: 1, 20: 1, 50: 3, 90: 5, 100: 5, 110: 6, 150: 8, 180: 9, 10000: 9} {
		if got := rate(weight); got != want {
			t.Errorf("weight %d: %d, want %d", weight, got, want)
		}
	}
}
