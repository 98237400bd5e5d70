package commands

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// sandbox is a run's commands, executed by one goroutine.
type sandbox struct {
	config   Config
	run      *task.Run
	tree     Tree
	env      []string
	commands []command
	outputs  []*output // of commands that were started
	copying  sync.WaitGroup
	proxies  []*proxy
	shells   shells
	free     func(context.Context) error // once

	once    sync.Once
	grace   time.Duration // of the first Kill; set before aborted is closed
	aborted chan struct{} // closed by the first Kill when it begins
	killed  chan struct{} // closed by the first Kill when the processes are gone, or it gave up

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
	s.yield()
	s.leave()
	s.status.Duration = time.Since(begin)
	if s.err != nil { // there will be no result to dispose of
		s.err = errors.Join(s.err, s.free(context.Background()))
	}
}

// insist is how long it may take to end processes by force.
const insist = time.Minute

// yield leaves it to Kill, if there is one, to end the processes: they may have a grace still
// when the command that started them has ended.
func (s *sandbox) yield() {
	select {
	case <-s.aborted:
	default:
		return
	}
	timeout := time.NewTimer(s.grace + insist)
	defer timeout.Stop()
	select {
	case <-s.killed:
	case <-timeout.C:
	}
}

// leave ends what the commands left behind, and takes what it still had to say.
func (s *sandbox) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), insist)
	defer cancel()
	if err := s.tree.Kill(ctx, 0); err != nil && s.err == nil {
		s.err = fmt.Errorf("%s: end what the commands left behind: %w", s.config.Engine, err)
	}
	for _, o := range s.outputs {
		_ = o.r.SetReadDeadline(time.Now().Add(farewell)) // it may be closed
	}
	s.copying.Wait()
	s.shells.wait()
	closeProxies(s.proxies)
	if err := s.tree.Close(); err != nil && s.err == nil {
		s.err = fmt.Errorf("%s: %w", s.config.Engine, err)
	}
	for _, o := range s.outputs {
		if o.err != nil && s.err == nil {
			s.err = lost(o.err)
		}
	}
}

func lost(err error) error { return task.Internal("the task's output could not be stored: %w", err) }

// one runs one command and writes its footer.
func (s *sandbox) one(i int, c command) (engines.Status, error) {
	select {
	case <-s.aborted:
		return s.ended(0, nil), nil
	default:
	}
	begin := time.Now()
	process, output, err := s.start(i, c)
	if errors.Is(err, proc.ErrClosed) {
		return s.ended(0, nil), nil // by Kill
	}
	if err != nil {
		s.run.Log.Error("System error executing command: %v", err)
		return engines.Status{ExitCode: engines.ExitNotStarted, Reason: err.Error()}, nil
	}
	state, err := process.Wait()
	wall := time.Since(begin)
	if err != nil {
		return engines.Status{}, fmt.Errorf("%s: %w", s.config.Engine, err)
	}
	s.yield() // so that last words come before the footer
	if err := output.ended(); err != nil {
		return engines.Status{}, lost(err)
	}
	return s.ended(wall, state), nil
}

// start starts a command and has its output copied.
func (s *sandbox) start(i int, c command) (Process, *output, error) {
	spec, err := s.process(i, c)
	if err != nil {
		return nil, nil, err
	}
	o, err := newOutput()
	if err != nil {
		return nil, nil, err
	}
	spec.Output = o.w
	process, err := s.tree.Start(spec)
	if err != nil {
		o.discard()
		return nil, nil, err
	}
	o.follow(&s.copying, s.run.Log)
	s.outputs = append(s.outputs, o)
	return process, o, nil
}

// ended writes the footer of a command and says how it ended; state is nil for a command that
// was not started because of an abort.
func (s *sandbox) ended(wall time.Duration, state State) engines.Status {
	select {
	case <-s.aborted:
		s.run.Log.Info("Command ABORTED after %s: process aborted\n", wall)
		return engines.Status{Aborted: true, ExitCode: engines.ExitAborted, Reason: "process aborted"}
	default:
	}
	result := "SUCCEEDED"
	status := engines.Status{Success: state.Success(), ExitCode: state.ExitCode()}
	if !status.Success {
		status.Reason = state.String()
	}
	line := ""
	if limits := s.config.Limits; !status.Success || limits != (proc.Limits{}) {
		used := s.tree.Usage()
		status, line = limited(status, limits, used), peak(limits, used)
	}
	if !status.Success {
		result = "FAILED"
	}
	const label = "%32s: %v\n"
	s.run.Log.Info(label+label+label+label+"%s%32s: %v",
		"Exit Code", status.ExitCode, "User Time", state.UserTime(), "Kernel Time", state.SystemTime(),
		"Wall Time", wall, line, "Result", result)
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
		return nil, s.err
	}
	return &result{engine: s.config.Engine, free: s.free, Files: Files{Dir: s.run.Dir, eyes: s.config.eyes()}, status: s.status}, nil
}

// Kill implements engines.Sandbox.
func (s *sandbox) Kill(ctx context.Context, grace time.Duration) error {
	select {
	case <-s.done:
		return nil
	default:
	}
	if err := s.kill(ctx, grace); err != nil {
		return fmt.Errorf("%s: %w", s.config.Engine, err)
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// kill ends the processes, and lets execute know when the first call begins and ends. A
// later one with less grace ends the first one sooner.
func (s *sandbox) kill(ctx context.Context, grace time.Duration) error {
	first := false
	s.once.Do(func() {
		first, s.grace = true, grace
		close(s.aborted)
	})
	if first {
		defer close(s.killed)
	}
	return s.tree.Kill(ctx, grace) //nolint:wrapcheck // by Kill
}
