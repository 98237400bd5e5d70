package runner

import (
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/control"
)

// board holds what the runner says of itself. It may be used from any goroutine.
type board struct {
	mu sync.Mutex
	s  control.Status
}

func newBoard() *board {
	return &board{s: control.Status{Version: version.String(), State: control.Identifying, Since: time.Now()}}
}

// status is a copy of what the board says.
func (b *board) status() control.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s
	s.Notices, s.Phases = slices.Clone(s.Notices), slices.Clone(s.Phases)
	if s.Notices == nil {
		s.Notices = []control.Notice{}
	}
	if s.Phases == nil {
		s.Phases = []control.Phase{}
	}
	return s
}

// change writes on the board.
func (b *board) change(write func(*control.Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	write(&b.s)
}

// enter begins a state. A machine that drains goes on to hold or to be released, and to nothing
// else.
func (b *board) enter(state control.State) {
	b.change(func(s *control.Status) {
		after := []control.State{control.Draining, control.Holding, control.Releasing}
		if s.State == state || (s.State == control.Draining && !slices.Contains(after, state)) {
			return
		}
		s.State, s.Since = state, time.Now()
	})
}

func (b *board) identified(kind string, id providers.Identity) {
	b.change(func(s *control.Status) {
		s.Provider, s.RootURL = kind, id.RootURL
		s.WorkerPoolID, s.WorkerGroup, s.WorkerID = id.WorkerPoolID, id.WorkerGroup, id.WorkerID
	})
}

// failed notes the last thing that went wrong.
func (b *board) failed(err error) { b.change(func(s *control.Status) { s.LastError = err.Error() }) }

// timed does one phase of the start, and notes how long it took.
func (b *board) timed(name string, do func() error) error {
	begin := time.Now()
	err := do()
	b.took(name, time.Since(begin))
	return err
}

// took notes a phase; that of a worker that was started again replaces the first one's.
func (b *board) took(name string, d time.Duration) {
	p := control.Phase{Name: name, Millis: float64(d.Microseconds()) / 1000, Took: d}
	b.change(func(s *control.Status) {
		if i := slices.IndexFunc(s.Phases, func(p control.Phase) bool { return p.Name == name }); i >= 0 {
			s.Phases[i] = p
			return
		}
		s.Phases = append(s.Phases, p)
	})
}
