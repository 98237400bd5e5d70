package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// job is a task of a schedule.
type job struct {
	at, takes, cleans time.Duration
	stubborn          time.Duration // after an abort
	fate              fate
}

type fate int

const (
	completes fate = iota
	breaks         // internal-error
	starves        // resource-unavailable before a command
	isLost         // cancelled while it ran
	vanishes       // cancelled before
	explodes
)

// reply is what becomes of one claimWork.
type reply int

const (
	answers reply = iota
	fails         // no connection
	loses         // tasks are given, and the reply is lost
	refuses       // by the queue
	hurries       // an empty reply at once
	hangs         // until the caller gives up
)

// wish is what somebody asks of the worker at some time.
type wish struct {
	at       time.Duration
	kind     int           // 0 finish, 1 abort, 2 stop
	deadline time.Duration // 0 is none
}

// schedule is what happens to a worker. After the last reply, room and answer there is no trouble.
type schedule struct {
	calm            bool // nothing may delay a claimWork
	capacity, tasks int
	idle            time.Duration
	sweeps          time.Duration
	faults          int
	leaves          bool
	jobs            []job
	replies         []reply
	wishes          []wish
	room            []int // for the next looks
	manager         []time.Duration
	terminates      int // the answer that says yes, from 1; 0 is none, -1 without a manager
}

// model is the world of one schedule, which notes what should not have happened.
type model struct {
	schedule
	begin time.Time
	deps  *worker.Deps

	mu       sync.Mutex
	problems []string
	polls    int
	inFlight int // polls
	given    int // claims
	lost     int // as the worker was told
	mayLose  int // as it should have been
	runs     []*modelRun
	running  map[int]*modelRun
	freed    map[int]time.Time // slots
	busy     int               // goroutines that the worker must wait for
	asks     int
	singles  int             // claimWorks for one task
	waits    []time.Duration // after faults
	ends     time.Time       // when somebody or something first made the worker end
	stopped  time.Time
	active   time.Time // last begin or end of a run
	lastBusy time.Time // when the last poll, cleaning or collection ended
	freeAt   time.Time // when a poll could begin, as the last one had ended and a slot was free
}

func (m *model) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf("%v: ", time.Since(m.begin))+fmt.Sprintf(format, args...))
}

// work notes that something goes on until the returned function is called.
func (m *model) work() (done func()) {
	m.mu.Lock()
	m.busy++
	m.mu.Unlock()
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.busy--
		m.lastBusy = time.Now()
	}
}

func newModel(s schedule) *model {
	m := &model{schedule: s, begin: time.Now(), running: map[int]*modelRun{}, freed: map[int]time.Time{}, active: time.Now(), lastBusy: time.Now(), freeAt: time.Now()}
	m.deps = &worker.Deps{
		Logger: slog.New(m), Capacity: s.capacity, Tasks: s.tasks, Idle: s.idle,
		Faults: worker.Faults{Most: s.faults, Leave: s.leaves, Report: m.report},
		Claim:  m.claim, NewRun: m.newRun,
		MayBeLost: func(error) { m.mu.Lock(); m.lost++; m.mu.Unlock() },
		Sweep:     func() { defer m.work()(); time.Sleep(s.sweeps) },
		Room:      m.look,
		Collect: func(context.Context) bool {
			defer m.work()()
			time.Sleep(time.Second)
			return false
		},
		Changed: func([]string) {}, Quiet: func() {},
		Resolved: func(tc.Claim, taskrun.Outcome) {},
	}
	if s.terminates >= 0 {
		m.deps.Terminate = m.terminate
	}
	return m
}

// Enabled, Handle, WithAttrs and WithGroup make the model a log that knows what must not be in it.
func (m *model) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (m *model) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "not drawn") {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.problem("%s", r.Message)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (m *model) WithAttrs([]slog.Attr) slog.Handler { return m }

// WithGroup implements slog.Handler.
func (m *model) WithGroup(string) slog.Handler { return m }

func (m *model) report(runs int, err error, wait time.Duration) {
	defer m.work()()
	m.mu.Lock()
	defer m.mu.Unlock()
	if runs < m.faults || err == nil || (wait == 0) != m.leaves || wait > time.Hour || wait != 0 && wait < 45*time.Second {
		m.problem("reported %d runs, %v, wait %v", runs, err, wait)
	}
	if m.leaves {
		m.end()
	}
}

// end notes that the worker has a reason to end.
func (m *model) end() {
	if m.ends.IsZero() {
		m.ends = time.Now()
	}
}

func (m *model) look(tasks int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.room) > 0 {
		tasks, m.room = min(tasks, m.room[0]), m.room[1:]
	}
	return tasks, errors.New("full")
}

func (m *model) terminate(ctx context.Context) bool {
	defer m.work()()
	m.mu.Lock()
	m.asks++
	n := m.asks
	var takes time.Duration
	if len(m.manager) > 0 {
		takes = m.manager[n%len(m.manager)]
	}
	m.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	says := m.terminates > 0 && n >= m.terminates
	switch idle := m.idle > 0 && len(m.running) == 0 && time.Since(m.active) >= m.idle; {
	case idle && !says:
		m.active = time.Now().Add(max(0, longPoll-m.idle))
	case !idle && says: // an idle worker looks first whether the poll in flight brings something
		m.end()
	}
	return says
}

// claim is the queue.
func (m *model) claim(ctx context.Context, tasks int) ([]tc.Claim, error) {
	defer m.work()()
	began := m.asked(tasks)
	m.mu.Lock()
	kind := answers
	if m.polls++; m.polls <= len(m.replies) {
		kind = m.replies[m.polls-1]
	}
	m.mu.Unlock()
	claims, err := m.answer(ctx, kind, tasks)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
	m.freeAt = time.Now()
	if err != nil && tc.Status(err) == 0 {
		m.mayLose++
	}
	if ctx.Err() != nil {
		m.cancelled(began)
	}
	if err != nil {
		return nil, err
	}
	m.given += len(claims)
	return claims, nil
}

// asked checks a poll that begins.
func (m *model) asked(tasks int) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.inFlight++
	if tasks == 1 {
		m.singles++
	}
	switch {
	case m.inFlight > 1:
		m.problem("%d claimWorks in flight", m.inFlight)
	case !m.ends.IsZero() && now.After(m.ends):
		m.problem("a claimWork after the worker was told to end")
	case tasks < 1 || tasks+len(m.running) > m.capacity:
		m.problem("asked for %d tasks while %d run", tasks, len(m.running))
	case m.calm && !now.Equal(m.freeAt):
		m.problem("a claimWork that could have begun %v earlier", now.Sub(m.freeAt))
	}
	return now
}

// cancelled checks a poll that the worker gave up.
func (m *model) cancelled(began time.Time) {
	now := time.Now()
	if !m.stopped.IsZero() || now.Sub(began) >= 50*time.Second || !m.ends.IsZero() && now.Sub(m.ends) >= 25*time.Second {
		return
	}
	m.problem("a claimWork was cancelled")
}

func (m *model) answer(ctx context.Context, kind reply, tasks int) ([]tc.Claim, error) {
	switch kind {
	case fails:
		time.Sleep(10 * time.Millisecond)
		return nil, errors.New("no connection")
	case refuses:
		return nil, &tc.Error{Status: http.StatusForbidden}
	case hurries:
		return nil, nil
	case hangs:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for end := time.Now().Add(longPoll); ; {
		if claims := m.take(tasks); len(claims) > 0 {
			if kind == loses {
				return nil, errors.New("connection reset")
			}
			return claims, nil
		}
		next := min(time.Until(end), m.nextJob())
		if next <= 0 {
			return nil, nil
		}
		select {
		case <-time.After(next):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take gives the jobs whose time has come.
func (m *model) take(tasks int) (claims []tc.Claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(claims) < tasks && len(m.jobs) > 0 && m.jobs[0].at <= time.Since(m.begin) {
		m.runs = append(m.runs, &modelRun{model: m, job: m.jobs[0]})
		m.jobs = m.jobs[1:]
		claims = append(claims, tc.Claim{TaskID: "task", RunID: int64(len(m.runs) - 1)})
	}
	return claims
}

// nextJob is how long it takes until there is another job.
func (m *model) nextJob() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.jobs) == 0 {
		return longPoll
	}
	return max(m.jobs[0].at-time.Since(m.begin), time.Nanosecond)
}
