//go:build unix

package launchagent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Agent is the agent of a user, as the worker knows it.
type Agent struct {
	Path string // of the socket
	UID  uint32 // whose agent it must be
}

// ErrForeign means that the socket is of another user than it should be.
var ErrForeign = errors.New("the socket of the launch agent is not the task's user's")

// Await waits until the agent answers, and asks every poll. It returns ctx's cause, with what was
// wrong last, when that ends first.
func (a Agent) Await(ctx context.Context, poll time.Duration) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		conn, err := a.dial(ctx)
		if err == nil {
			return conn.Close() //nolint:wrapcheck // it cannot fail
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// Clear removes what another user has left at the socket's place, which the agent could not: a task may
// have put anything there. The worker does so before it waits; others than root can only remove their own.
func (a Agent) Clear() error {
	if err := a.check(); !errors.Is(err, ErrForeign) {
		return nil //nolint:nilerr // there is none, or the right one
	}
	if err := os.RemoveAll(a.Path); err != nil {
		return fmt.Errorf("launch agent: remove what another user has left: %w", err)
	}
	return nil
}

// check looks at who owns the socket, before anything is asked of whoever listens there.
func (a Agent) check() error {
	info, err := os.Lstat(a.Path)
	if err != nil {
		return fmt.Errorf("launch agent: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode()&fs.ModeSocket == 0 || stat.Uid != a.UID {
		return fmt.Errorf("launch agent: %w: %s", ErrForeign, a.Path)
	}
	return nil
}

// dial connects. What is at the path may have been put there since it was looked at, so the system is
// asked who listens.
func (a Agent) dial(ctx context.Context) (*net.UnixConn, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(ctx, handshake)
	defer done()
	dialled, err := (&net.Dialer{}).DialContext(ctx, "unix", a.Path)
	if err != nil {
		return nil, fmt.Errorf("launch agent: %w", err)
	}
	conn := dialled.(*net.UnixConn) //nolint:forcetypeassert // as the network says
	uid, err := peer(conn)
	if err == nil && uid != a.UID {
		err = ErrForeign
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("launch agent: %w", err), conn.Close())
	}
	return conn, nil
}

// ErrNotStarted means that the agent could not start the command.
var ErrNotStarted = errors.New("the command could not be started in the session")

// Start starts a command with these files as standard input, and as standard output and error. They
// stay the caller's, who can close them. The process must be closed.
func (a Agent) Start(ctx context.Context, c Command, input, output *os.File) (*Process, error) {
	conn, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	started, err := begin(conn, c, input, output)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil && started.Error != "" {
		err = fmt.Errorf("%w: %s", ErrNotStarted, started.Error)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("launch agent: %w", err), conn.Close())
	}
	p := &Process{conn: conn, pid: started.PID, ended: make(chan struct{}), gone: make(chan struct{})}
	p.reading.Go(p.follow)
	return p, nil
}

func begin(conn *net.UnixConn, c Command, input, output *os.File) (started Started, err error) {
	if err := conn.SetDeadline(time.Now().Add(handshake)); err != nil {
		return started, err //nolint:wrapcheck // by Start
	}
	if err := pass(conn, input, output); err != nil {
		return started, err
	}
	var taken [1]byte
	if _, err := conn.Read(taken[:]); err != nil {
		return started, err //nolint:wrapcheck // by Start
	}
	if err := send(conn, c); err != nil {
		return started, err
	}
	return started, receive(conn, &started)
}

// Process is a command that an agent has started.
type Process struct {
	conn    *net.UnixConn
	pid     int
	reading sync.WaitGroup

	result Result
	err    error
	ended  chan struct{} // closed when result and err are final
	gone   chan struct{} // closed when the agent has no more to say
}

// follow reads what the agent says.
func (p *Process) follow() {
	defer close(p.gone)
	p.err = receive(p.conn, &p.result)
	if p.err == nil && p.result.Error != "" {
		p.err = errors.New(p.result.Error)
	}
	known := p.err == nil
	close(p.ended)
	if known {
		var nothing struct{}
		_ = receive(p.conn, &nothing) // the end of the stream
	}
}

// PID is the process's id in the session, as the agent says.
func (p *Process) PID() int { return p.pid }

// Wait waits for the command itself. An error means that the agent has gone before: then the
// command has ended as well, or nobody knows.
func (p *Process) Wait() (Result, error) {
	<-p.ended
	if p.err != nil {
		return Result{}, fmt.Errorf("launch agent: how the command ended is not known: %w", p.err)
	}
	return p.result, nil
}

// Stop ends the command and what it started, after the grace by force. It returns when all are gone,
// or with ctx's cause. It may be repeated.
func (p *Process) Stop(ctx context.Context, grace time.Duration) error {
	_ = p.conn.SetWriteDeadline(time.Now().Add(handshake)) // it may be closed
	if grace > 0 {
		_ = send(p.conn, Stop{GraceMillis: grace.Milliseconds()}) // the agent may have gone
	} else {
		_ = p.conn.CloseWrite()
	}
	select {
	case <-p.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("launch agent: end a command: %w", context.Cause(ctx))
	}
}

// Close ends the command by force, without waiting for that, and frees what is held for it. It may be
// repeated.
func (p *Process) Close() error {
	_ = p.conn.Close() // it may be closed
	p.reading.Wait()
	return nil
}
