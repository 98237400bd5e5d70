package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/worker/engines"
)

// shells are the further commands of a container.
type shells struct {
	mu    sync.Mutex
	over  bool // no other is started
	all   map[*shell]bool
	calls sync.WaitGroup
}

// end ends them: their container has ended.
func (s *shells) end() {
	s.mu.Lock()
	s.over = true
	open := s.all
	s.all = nil
	s.mu.Unlock()
	for sh := range open {
		sh.hangUp()
	}
	s.calls.Wait()
}

// errOver is for shells that come too late.
var errOver = errors.New("the task's command has ended")

// usual starts the shell that a person would expect, of those that an image may have.
func usual() []string {
	return []string{"/bin/sh", "-c", "if command -v bash > /dev/null 2>&1; then exec bash; fi; exec sh"}
}

// mark is the variable by which the processes of a shell are known on this machine.
const mark = "WORKERKIT_SHELL"

// Shell implements engines.Sheller.
func (s *sandbox) Shell(ctx context.Context, command []string, terminal bool) (engines.Shell, error) {
	s.shells.mu.Lock()
	over := s.shells.over
	if !over {
		s.shells.calls.Add(1)
	}
	s.shells.mu.Unlock()
	if over {
		return nil, fmt.Errorf("container: start a shell: %w", errOver)
	}
	defer s.shells.calls.Done()
	if len(command) == 0 {
		command = usual()
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	sh := &shell{api: s.engine.api, mark: mark + "=" + hex.EncodeToString(id), terminal: terminal}
	env := []string{sh.mark}
	if terminal {
		env = append(env, "TERM=xterm-256color")
	}
	made, err := sh.api.ExecCreate(ctx, s.id, client.ExecCreateOptions{
		Cmd: command, Env: env, TTY: terminal, AttachStdin: true, AttachStdout: true, AttachStderr: true, WorkingDir: s.spec.WorkingDirectory,
	})
	if err != nil {
		return nil, fmt.Errorf("container: start a shell: %w", explain(err))
	}
	sh.id = made.ID
	attached, err := sh.api.ExecAttach(ctx, sh.id, client.ExecAttachOptions{TTY: terminal})
	if err != nil {
		return nil, fmt.Errorf("container: start a shell: %w", explain(err))
	}
	sh.conn = attached.HijackedResponse
	sh.start()
	s.shells.mu.Lock()
	defer s.shells.mu.Unlock()
	if s.shells.over {
		sh.hangUp()
	} else {
		if s.shells.all == nil {
			s.shells.all = map[*shell]bool{}
		}
		s.shells.all[sh] = true
	}
	return sh, nil
}

// shell is a further command.
type shell struct {
	api      *client.Client
	id, mark string
	terminal bool
	conn     client.HijackedResponse

	out    *io.PipeReader
	silent chan struct{} // closed when the output has ended
	pump   sync.WaitGroup
	hang   sync.Once
	ended  sync.Once
	endErr error
}

// start passes on the output.
func (s *shell) start() {
	var in *io.PipeWriter
	s.out, in = io.Pipe()
	s.silent = make(chan struct{})
	way := split
	if s.terminal {
		way = raw
	}
	s.pump.Go(func() {
		defer close(s.silent)
		_ = in.CloseWithError(way(in, s.conn.Reader)) // nil is the end
	})
}

// hangUp closes the connection, and returns when nothing is passed on any more. What has come is lost
// when nobody reads it.
func (s *shell) hangUp() {
	s.hang.Do(func() {
		s.conn.Close()
		_ = s.out.Close()
	})
	s.pump.Wait()
}

// Read implements engines.Shell.
func (s *shell) Read(p []byte) (int, error) {
	n, err := s.out.Read(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = io.EOF
	}
	return n, err //nolint:wrapcheck // io.EOF as it is
}

// Write implements engines.Shell.
func (s *shell) Write(p []byte) (int, error) {
	return s.conn.Conn.Write(p) //nolint:wrapcheck // says what failed
}

// Resize implements engines.Shell. One that has ended has no size.
func (s *shell) Resize(columns, rows uint16) error {
	if !s.terminal {
		return nil
	}
	ctx, done := context.WithTimeout(context.Background(), insist)
	defer done()
	_, err := s.api.ExecResize(ctx, s.id, client.ExecResizeOptions{Width: uint(columns), Height: uint(rows)})
	if err != nil && s.running(ctx) {
		return fmt.Errorf("container: resize a shell: %w", err)
	}
	return nil
}

const (
	insist = time.Minute // how long it may take to end a shell
	often  = 20 * time.Millisecond
	seldom = time.Second
)

func (s *shell) running(ctx context.Context) bool {
	found, err := s.api.ExecInspect(ctx, s.id, client.ExecInspectOptions{})
	return err == nil && found.Running
}

// Wait implements engines.Shell. The engine does not tell when a further command ends: it is asked
// when its output has ended, and now and then before.
func (s *shell) Wait(ctx context.Context) (int, error) {
	silent, pause := s.silent, seldom
	for {
		found, err := s.api.ExecInspect(ctx, s.id, client.ExecInspectOptions{})
		switch {
		case ctx.Err() != nil:
			return 0, context.Cause(ctx)
		case err != nil:
			return 0, fmt.Errorf("container: wait for a shell: %w", explain(err))
		case !found.Running:
			return found.ExitCode, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-silent:
			silent, pause = nil, often
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// Close implements engines.Shell. It may be repeated.
func (s *shell) Close() error {
	s.ended.Do(func() {
		ctx, done := context.WithTimeout(context.Background(), insist)
		defer done()
		if err := end(ctx, s.mark); err != nil {
			s.endErr = fmt.Errorf("container: end a shell: %w", err)
		}
		s.hangUp()
	})
	return s.endErr
}
