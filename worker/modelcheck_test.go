package worker_test

import (
	"time"

	"github.com/workerkit/workerkit/worker"
)

// over checks what must be so when Run has returned.
func (m *model) over(end worker.End) {
	m.mu.Lock()
	defer m.mu.Unlock()
	made := 0
	for i, r := range m.runs {
		made += r.made
		if r.made > 1 || r.made != r.ran || r.made != r.cleaned {
			m.problem("run %d was made %d times, ran %d times, was cleaned %d times", i, r.made, r.ran, r.cleaned)
		}
		m.abortedRightly(i, r)
	}
	switch {
	case made != m.given:
		m.problem("%d claims, %d runs", m.given, made)
	case made > m.tasks:
		m.problem("%d runs instead of %d", made, m.tasks)
	case m.busy != 0 || m.inFlight != 0:
		m.problem("%d things go on", m.busy)
	case m.lost != m.mayLose:
		m.problem("%d claims may be lost, the worker says %d", m.mayLose, m.lost)
	}
	m.ended(end, made)
}

// abortedRightly checks that a run was aborted when it had to be, and only then.
func (m *model) abortedRightly(i int, r *modelRun) {
	if r.made == 0 {
		return
	}
	due := m.abortDue()
	switch aborted := !r.abortedAt.IsZero(); {
	case r.handedBack && !r.abortedAt.Equal(r.madeAt):
		m.problem("run %d was not handed back", i)
	case r.handedBack:
	case aborted && r.abortedAt.Before(due) && !m.ends.Equal(r.madeAt):
		m.problem("run %d was aborted after %v, %v early", i, r.abortedAt.Sub(m.begin), due.Sub(r.abortedAt))
	case !aborted && r.endedAt.After(due), r.abortedAt.After(due):
		m.problem("run %d ended after %v, and should have been aborted after %v", i, r.endedAt.Sub(m.begin), due.Sub(m.begin))
	}
}

// abortDue is when the wishes have the tasks aborted.
func (m *model) abortDue() time.Time {
	due := horizon
	for _, w := range m.wishes {
		switch {
		case w.kind > 0:
			due = min(due, w.at)
		case w.deadline > 0:
			due = min(due, max(w.at, w.deadline-time.Minute))
		}
	}
	return m.begin.Add(due)
}

// ended checks the reason to end, and that the worker ended in time.
func (m *model) ended(end worker.End, made int) {
	now := time.Now()
	switch end {
	case worker.EndEnough:
		if made != m.tasks {
			m.problem("enough after %d runs", made)
		}
	case worker.EndIdle:
		due := m.active.Add(m.idle)
		if m.lastBusy.After(due) {
			due = m.lastBusy
		}
		if m.idle == 0 || m.terminates == 0 || m.terminates < 0 && !now.Equal(due) {
			m.problem("idle, though that was due %v ago", now.Sub(due))
		}
	case worker.EndDrained:
		if m.ends.IsZero() {
			m.problem("ended for no reason")
		}
	case worker.EndTerminated:
		if m.terminates <= 0 {
			m.problem("worker-manager did not say so")
		}
	case worker.EndFaulty:
		if !m.leaves || m.faults == 0 {
			m.problem("it should not have left")
		}
	case worker.EndNoRoom:
		if m.calm {
			m.problem("there was room")
		}
	}
}
