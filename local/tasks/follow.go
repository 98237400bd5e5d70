package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

// API are the queue's calls that following a task needs; tc.Tasks has them.
type API interface {
	Status(ctx context.Context, taskID string) (tc.TaskStatus, error)
	ArtifactURL(taskID string, runID int64, name string, valid time.Duration) (string, error)
}

// Follower shows the log of a task's runs, one after another, while they run.
type Follower struct {
	Queue API
	// HTTP fetches logs; it must follow redirects and have no overall time limit.
	HTTP *http.Client
	// Poll is how often the queue is asked where the task stands.
	Poll time.Duration
	// Live and Backing are the artifact names of the log.
	Live, Backing string
	// Out gets every byte of each run's log once.
	Out io.Writer
	// Notice, when not nil, is told of each run that begins or ends.
	Notice func(tc.RunStatus)
	// Waiting, when not nil, is called once if no worker has taken the task for a while.
	Waiting func()
}

// unclaimed is how long a task may wait for a worker before Waiting is called.
const unclaimed = 10 * time.Second

// urlLife bounds how long a signed URL of a log can be used.
const urlLife = 15 * time.Minute

// Follow returns when the task is resolved, or ctx ends, or the queue or Out fails. A log
// that cannot be had is no error: the task's fate does not depend on it.
func (f Follower) Follow(ctx context.Context, taskID string) (tc.TaskStatus, error) {
	shown, begin := 0, time.Now()
	for {
		status, err := f.Queue.Status(ctx, taskID)
		if err != nil {
			return status, fmt.Errorf("follow %s: %w", taskID, err)
		}
		for ; shown < len(status.Runs) && status.Runs[shown].State != "pending"; shown++ {
			if err := f.run(ctx, taskID, status.Runs[shown]); err != nil {
				return status, fmt.Errorf("follow %s: %w", taskID, err)
			}
		}
		if status.Resolved() && shown >= len(status.Runs) {
			return status, nil
		}
		if f.Waiting != nil && shown == 0 && time.Since(begin) >= unclaimed {
			f.Waiting()
			f.Waiting = nil
		}
		if err := wait(ctx, f.Poll); err != nil {
			return status, fmt.Errorf("follow %s: %w", taskID, err)
		}
	}
}

// run shows the log of one run until the run is resolved.
func (f Follower) run(ctx context.Context, taskID string, run tc.RunStatus) error {
	if f.Notice != nil && !run.Resolved() {
		f.Notice(run)
	}
	log := logReader{follower: f, taskID: taskID, runID: run.ID}
	streamed := false
	for !run.Resolved() {
		if !streamed {
			err := log.more(ctx, f.Live)
			if errors.Is(err, errWrite) {
				return err
			}
			streamed = err == nil // to its end; what is left is in the backing log
		}
		if err := wait(ctx, f.Poll); err != nil {
			return err
		}
		status, err := f.Queue.Status(ctx, taskID)
		if err != nil {
			return err
		}
		if run.ID < int64(len(status.Runs)) {
			run = status.Runs[run.ID]
		}
	}
	if err := log.more(ctx, f.Backing); errors.Is(err, errWrite) {
		return err
	}
	if f.Notice != nil {
		f.Notice(run)
	}
	return ctx.Err()
}

// errWrite says that the log could be read but not shown.
var errWrite = errors.New("write the log")

// logReader shows one run's log, which the live log and the backing log both hold from its
// beginning.
type logReader struct {
	follower Follower
	taskID   string
	runID    int64
	shown    int64
}

// more shows what the artifact has beyond what was shown before, until it ends.
func (l *logReader) more(ctx context.Context, name string) error {
	f := l.follower
	url, err := f.Queue.ArtifactURL(l.taskID, l.runID, name, urlLife)
	if err != nil {
		return err
	}
	body, err := get(ctx, f.HTTP, url)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.CopyN(io.Discard, body, l.shown); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	n, err := io.Copy(markWrites{f.Out}, body)
	l.shown += n
	return err
}

// get opens what is at url, after redirects.
func get(ctx context.Context, client *http.Client, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("the URL of the artifact is not valid")
	}
	reply, err := client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	if reply.StatusCode != http.StatusOK {
		_ = reply.Body.Close()
		return nil, fmt.Errorf("the artifact's server says %s", reply.Status)
	}
	return reply.Body, nil
}

// markWrites tells a failure to write from a failure to read.
type markWrites struct{ w io.Writer }

func (m markWrites) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", errWrite, err)
	}
	return n, err
}

// wait pauses between two looks at the queue.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
