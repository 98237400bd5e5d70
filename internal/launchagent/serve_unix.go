//go:build unix

package launchagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
)

const (
	// mostCommands is how many may be under way at once.
	mostCommands = 64
	// insist is how long it may take to end processes by force.
	insist = time.Minute
)

// Server is an agent.
type Server struct {
	// Master is the user whose commands are executed.
	Master uint32
	// Trees is where they are started.
	Trees  *proc.Trees
	Logger *slog.Logger
}

// Listen makes the socket at path, of which nobody but this process's user and root can make use. One
// that an agent of the same user has left is replaced; if another user has made it, that is an error.
func Listen(ctx context.Context, path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("launch agent: another user's socket is in the way: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("launch agent: %w", err)
	}
	const ownerOnly = 0o600
	if err := os.Chmod(path, ownerOnly); err != nil {
		return nil, errors.Join(fmt.Errorf("launch agent: %w", err), listener.Close())
	}
	return listener.(*net.UnixListener), nil //nolint:forcetypeassert // as the network says
}

// Serve executes commands until ctx ends, and then ends them. It closes the listener and returns when
// none is left.
func (s *Server) Serve(ctx context.Context, listener *net.UnixListener) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	places := make(chan struct{}, mostCommands)
	for {
		conn, err := listener.AcceptUnix()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			return errors.Join(fmt.Errorf("launch agent: %w", err), listener.Close())
		}
		select {
		case places <- struct{}{}:
		default:
			_ = conn.Close() // nobody who means well has so many
			continue
		}
		serving.Go(func() {
			defer func() { <-places }()
			defer conn.Close()
			if err := s.one(ctx, conn); err != nil {
				s.Logger.Warn("launch agent: a command", "error", err)
			}
		})
	}
}

// one serves a connection.
func (s *Server) one(ctx context.Context, conn *net.UnixConn) error {
	uid, err := peer(conn)
	if err != nil {
		return err
	}
	if uid != s.Master {
		return fmt.Errorf("user %d is refused: only user %d is obeyed", uid, s.Master)
	}
	command, files, err := request(conn)
	if errors.Is(err, io.EOF) {
		return nil // somebody who only wanted to know whether there is an agent
	}
	if err != nil {
		return err
	}
	tree, err := s.Trees.Open(proc.Options{Dir: command.Dir})
	if err != nil {
		closeAll(files)
		return errors.Join(err, send(conn, Started{Error: err.Error()}))
	}
	defer tree.Close()
	process, err := tree.Start(proc.Command{
		Path: command.Path, Args: command.Args, Dir: command.Dir, Env: command.Env,
		Input: files[0], Output: files[1], Terminal: command.Terminal,
	})
	closeAll(files)
	if err != nil { // the worker says so in the task's log
		return send(conn, Started{Error: err.Error()})
	}
	return attend(ctx, conn, tree, process)
}

// request takes the descriptors and the command.
func request(conn *net.UnixConn) (command Command, files []*os.File, err error) {
	if err := conn.SetDeadline(time.Now().Add(handshake)); err != nil {
		return command, nil, err //nolint:wrapcheck // by Serve
	}
	if files, err = take(conn); err != nil {
		return command, nil, err
	}
	if _, err = conn.Write([]byte{0}); err == nil {
		err = receive(conn, &command)
	}
	if err == nil && (command.Path == "" || len(command.Args) == 0) {
		err = errors.New("a command without a path or a name")
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		closeAll(files)
		return command, nil, fmt.Errorf("what to start: %w", err)
	}
	return command, files, nil
}

// attend reports on a command, and ends it when the worker wants that, or has gone, or ctx ends. It
// returns when all processes are gone.
func attend(ctx context.Context, conn *net.UnixConn, tree *proc.Tree, process *proc.Process) error {
	var helpers sync.WaitGroup
	defer helpers.Wait()
	ended := make(chan struct{})
	defer func() { <-ended }()
	started := tell(conn, Started{PID: process.PID()})
	helpers.Go(func() {
		defer close(ended)
		state, err := process.Wait()
		if started == nil {
			_ = tell(conn, outcome(state, err)) // the worker may have gone
		}
	})
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) }) // wakes receive
	defer stop()
	var wish Stop
	if started == nil && receive(conn, &wish) != nil {
		wish = Stop{} // no word means at once
	}
	grace := time.Duration(min(max(wish.GraceMillis, 0), int64(time.Hour/time.Millisecond))) * time.Millisecond
	insisting, done := context.WithTimeout(context.WithoutCancel(ctx), grace+insist)
	defer done()
	if grace > 0 {
		helpers.Go(func() {
			_ = receive(conn, &wish) // a second word, or the worker's end, ends the grace
			_ = tree.Kill(insisting, 0)
		})
	}
	err := tree.Kill(insisting, grace)
	_ = conn.SetReadDeadline(time.Unix(1, 0)) // wakes receive
	return errors.Join(started, err)
}

// tell sends a message, but does not wait for ever for somebody who does not read.
func tell(conn *net.UnixConn, message any) error {
	if err := conn.SetWriteDeadline(time.Now().Add(handshake)); err != nil {
		return err //nolint:wrapcheck // by Serve
	}
	return send(conn, message)
}

// outcome is how a process ended.
func outcome(state *os.ProcessState, err error) Result {
	if err != nil {
		return Result{Code: -1, Error: err.Error()}
	}
	r := Result{Code: state.ExitCode(), User: state.UserTime(), Kernel: state.SystemTime()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.Signal = int(status.Signal())
	}
	return r
}
