package insecure

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// sandbox is a run's commands, executed by one goroutine.
type sandbox struct {
	run      *task.Run
	tree     *proc.Tree
	output   *output
	env      []string
	commands []command

	once    sync.Once
	aborted chan struct{} // closed by Kill

	done   chan struct{} // closed when the rest is final
	status engines.Status
	err    error
}

// execute runs the commands one after the other until one fails, and ends what they left behind.
func (s *sandbox) execute() {
	defer close(s.done)
	begin := time.Now()
	s.status = engines.Status{Success: true}
	for i, c := range s.commands {
		s.run.Log.Info("Executing command %d: %s", i, c)
		s.status, s.err = s.one(i, c)
		if s.err != nil || !s.status.Success {
			break
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.tree.Kill(ctx, 0); err != nil && s.err == nil {
		s.err = fmt.Errorf("insecure: end what the commands left behind: %w", err)
	}
	if err := s.output.close(); err != nil && s.err == nil {
		s.err = fmt.Errorf("insecure: %w", err)
	}
	s.status.Duration = time.Since(begin)
}

// one runs one command and writes its footer.
func (s *sandbox) one(i int, c command) (engines.Status, error) {
	select {
	case <-s.aborted:
		return s.ended(0, nil), nil
	default:
	}
	begin := time.Now()
	process, err := s.start(i, c)
	if err != nil {
		s.run.Log.Error("System error executing command: %v", err)
		return engines.Status{ExitCode: engines.ExitNotStarted, Reason: err.Error()}, nil
	}
	var state *os.ProcessState
	var waiting error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		state, waiting = process.Wait()
	}()
	if err := s.output.follow(ended); err != nil {
		return engines.Status{}, task.Internal("the task's output could not be stored: %w", err)
	}
	if waiting != nil {
		return engines.Status{}, fmt.Errorf("insecure: %w", waiting)
	}
	return s.ended(time.Since(begin), state), nil
}

func (s *sandbox) start(i int, c command) (*proc.Process, error) {
	spec, err := s.process(i, c)
	if err != nil {
		return nil, err
	}
	spec.Output = s.output.w
	return s.tree.Start(spec)
}

// ended writes the footer of a command and says how it ended; state is nil for a command that
// was not started because of an abort.
func (s *sandbox) ended(wall time.Duration, state *os.ProcessState) engines.Status {
	select {
	case <-s.aborted:
		s.run.Log.Info("Command ABORTED after %s: process aborted\n", wall)
		return engines.Status{Aborted: true, ExitCode: engines.ExitAborted, Reason: "process aborted"}
	default:
	}
	result := "SUCCEEDED"
	status := engines.Status{Success: state.Success(), ExitCode: state.ExitCode()}
	if !status.Success {
		result, status.Reason = "FAILED", state.String()
	}
	const label = "%32s: %v\n"
	s.run.Log.Info(label+label+label+label+"%32s: %v",
		"Exit Code", status.ExitCode, "User Time", state.UserTime(), "Kernel Time", state.SystemTime(),
		"Wall Time", wall, "Result", result)
	return status
}

// Wait implements engines.Sandbox.
func (s *sandbox) Wait(ctx context.Context) (engines.Result, error) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.err != nil {
		_ = s.tree.Close()
		return nil, s.err
	}
	return &result{dir: s.run.Dir, status: s.status, tree: s.tree}, nil
}

// Kill implements engines.Sandbox.
func (s *sandbox) Kill(ctx context.Context, grace time.Duration) error {
	select {
	case <-s.done:
		return nil
	default:
	}
	s.once.Do(func() { close(s.aborted) })
	if err := s.tree.Kill(ctx, grace); err != nil {
		return fmt.Errorf("insecure: %w", err)
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
