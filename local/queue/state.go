package queue

import (
	"errors"
	"time"
)

// State is the state of a run or of a task. A task's state is that of its last run, and
// unscheduled while it has none; a run starts as pending.
//
//	(no run) ──schedule──▶ pending ──claim──▶ running ──report──▶ completed | failed | exception
//	    └───────cancel, deadline──▶ exception ◀── cancel, deadline, lost ──┘
//
// A run never leaves completed, failed or exception. What brings the task back is a new
// pending run: at once when a run is lost and retries are left, or by a rerun.
type State string

// The states.
const (
	Unscheduled State = "unscheduled"
	Pending     State = "pending"
	Running     State = "running"
	Completed   State = "completed"
	Failed      State = "failed"
	Exception   State = "exception"
)

// resolved tells whether nothing more happens in this state by itself.
func (s State) resolved() bool { return s == Completed || s == Failed || s == Exception }

// Reason is why a run was created, or resolved.
type Reason string

// The reasons that the queue itself acts on; others are kept as they come.
const (
	ReasonScheduled Reason = "scheduled" // created: first run
	ReasonRetry     Reason = "retry"     // created: the run before it was lost
	ReasonTaskRetry Reason = "task-retry"
	ReasonRerun     Reason = "rerun"
	ReasonException Reason = "exception" // created: only to be resolved

	ReasonCompleted        Reason = "completed"
	ReasonFailed           Reason = "failed"
	ReasonDeadlineExceeded Reason = "deadline-exceeded"
	ReasonCanceled         Reason = "canceled"
	ReasonClaimExpired     Reason = "claim-expired"
	ReasonWorkerShutdown   Reason = "worker-shutdown"
	ReasonIntermittent     Reason = "intermittent-task"
)

// retryAs tells whether a run resolved for this reason is lost, and so followed by another
// while retries are left, and for which reason that one is created.
func (r Reason) retryAs() (created Reason, lost bool) {
	switch r {
	case ReasonWorkerShutdown, ReasonClaimExpired:
		return ReasonRetry, true
	case ReasonIntermittent:
		return ReasonTaskRetry, true
	default:
		return "", false
	}
}

// maxRuns is how many runs a task may ever have.
const maxRuns = 50

// Why a transition is refused.
var (
	errNoRun      = errors.New("there is no such run")
	errNotPending = errors.New("the run is not pending")
	errNotRunning = errors.New("the run is not running")
	errMaxRuns    = errors.New("the task has had as many runs as a task may have")
)

// Run is one attempt at a task.
type Run struct {
	RunID          int    `json:"runId"`
	State          State  `json:"state"`
	ReasonCreated  Reason `json:"reasonCreated"`
	ReasonResolved Reason `json:"reasonResolved,omitempty"`
	WorkerGroup    string `json:"workerGroup,omitempty"`
	WorkerID       string `json:"workerId,omitempty"`
	TakenUntil     Time   `json:"takenUntil,omitzero"`
	Scheduled      Time   `json:"scheduled"`
	Started        Time   `json:"started,omitzero"`
	Resolved       Time   `json:"resolved,omitzero"`
}

// Status is a task's status as the API shows it. Only the methods below change its runs.
type Status struct {
	TaskID        string `json:"taskId"`
	ProvisionerID string `json:"provisionerId"`
	WorkerType    string `json:"workerType"`
	TaskQueueID   string `json:"taskQueueId"`
	SchedulerID   string `json:"schedulerId"`
	ProjectID     string `json:"projectId"`
	TaskGroupID   string `json:"taskGroupId"`
	Priority      string `json:"priority"`
	Deadline      Time   `json:"deadline"`
	Expires       Time   `json:"expires"`
	RetriesLeft   int    `json:"retriesLeft"`
	State         State  `json:"state"`
	Runs          []Run  `json:"runs"`
}

// run finds a run that exists.
func (s *Status) run(id int) (*Run, error) {
	if id < 0 || id >= len(s.Runs) {
		return nil, errNoRun
	}
	return &s.Runs[id], nil
}

// settle makes the task's state that of its last run.
func (s *Status) settle() {
	s.State = Unscheduled
	if n := len(s.Runs); n > 0 {
		s.State = s.Runs[n-1].State
	}
}

func (s *Status) addRun(now time.Time, reason Reason) {
	s.Runs = append(s.Runs, Run{
		RunID: len(s.Runs), State: Pending, ReasonCreated: reason, Scheduled: Time{now},
	})
	s.settle()
}

// schedule gives a task without runs its first. It tells whether it did.
func (s *Status) schedule(now time.Time) bool {
	if s.State != Unscheduled {
		return false
	}
	s.addRun(now, ReasonScheduled)
	return true
}

// claim gives a pending run to a worker.
func (s *Status) claim(id int, group, worker string, now, until time.Time) error {
	r, err := s.run(id)
	if err != nil {
		return err
	}
	if r.State != Pending {
		return errNotPending
	}
	r.State, r.WorkerGroup, r.WorkerID = Running, group, worker
	r.Started, r.TakenUntil = Time{now}, Time{until}
	s.settle()
	return nil
}

// reclaim lets a running run go on until later.
func (s *Status) reclaim(id int, until time.Time) error {
	r, err := s.run(id)
	if err != nil {
		return err
	}
	if r.State != Running {
		return errNotRunning
	}
	r.TakenUntil = Time{until}
	return nil
}

// resolve ends a running run, and adds another when it is lost and retries are left. To
// resolve a run again in the same way is no error and changes nothing.
func (s *Status) resolve(id int, state State, reason Reason, now time.Time) error {
	r, err := s.run(id)
	if err != nil {
		return err
	}
	if r.State == state && r.ReasonResolved == reason {
		return nil
	}
	if r.State != Running {
		return errNotRunning
	}
	r.end(state, reason, now)
	s.settle()
	if created, lost := reason.retryAs(); lost && s.RetriesLeft > 0 {
		s.RetriesLeft--
		s.addRun(now, created)
	}
	return nil
}

// abort ends an unresolved task as an exception, whatever it is doing; a task without runs
// gets one for the purpose. It tells whether there was anything to end.
func (s *Status) abort(reason Reason, now time.Time) bool {
	if s.State.resolved() {
		return false
	}
	if s.State == Unscheduled {
		s.addRun(now, ReasonException)
	}
	s.Runs[len(s.Runs)-1].end(Exception, reason, now)
	s.settle()
	return true
}

// rerun gives a task that is neither pending nor running another run and all its retries
// back. It does nothing to others.
func (s *Status) rerun(retries int, now time.Time) error {
	if s.State == Pending || s.State == Running {
		return nil
	}
	if len(s.Runs) >= maxRuns {
		return errMaxRuns
	}
	s.addRun(now, ReasonRerun)
	s.RetriesLeft = min(retries, maxRuns-len(s.Runs))
	return nil
}

func (r *Run) end(state State, reason Reason, now time.Time) {
	r.State, r.ReasonResolved, r.Resolved = state, reason, Time{now}
}
