package enginetest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/commands"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// TestAbilities proves the cases that no engine in this repository goes through yet: one which has
// all that they are about passes them, without leaving one out.
func TestAbilities(t *testing.T) {
	if !accountstest.Inside(t) { // for mounts that nobody else sees
		return
	}
	trees := proc.New(slog.New(slog.DiscardHandler))
	c := Case{New: func(*testing.T) engines.Engine { return rich{trees} }, Payload: Commands, Alive: alive, program: program(t)}
	for _, test := range append(abilities(), check{"abilities that are not there", lacks}) {
		t.Run(test.name, func(t *testing.T) {
			ignore := goleak.IgnoreCurrent()
			t.Cleanup(func() {
				goleak.VerifyNone(t, ignore)
				if t.Skipped() {
					t.Error("the engine has it, and the case was skipped")
				}
			})
			test.run(t, c)
		})
	}
}

// rich is an engine with volumes, proxies and shells, which isolates nothing.
type rich struct{ trees *proc.Trees }

func (rich) Name() string              { return "rich" }
func (rich) Payload() payload.Fragment { return commands.Payload() }

func (e rich) NewBuilder(_ context.Context, run *task.Run) (engines.Builder, error) {
	b := &richBuilder{engine: e, run: run, env: []string{"PATH=" + os.Getenv("PATH")}}
	var err error
	b.Builder, err = commands.NewBuilder(run, commands.Config{
		Engine: "rich", Trees: e.trees, Env: b.env,
		Free: func(context.Context) error {
			var failed error
			for _, undo := range b.undo {
				failed = errors.Join(failed, undo())
			}
			return failed
		},
	})
	return b, err
}

type richBuilder struct {
	engines.Builder
	engine rich
	run    *task.Run
	env    []string
	undo   []func() error
}

func (b *richBuilder) Setenv(name, value string) error {
	b.env = append(b.env, name+"="+value)
	return b.Builder.Setenv(name, value)
}

func (b *richBuilder) Mount(_ context.Context, m engines.Mount) error {
	target := m.Target
	if !filepath.IsAbs(target) {
		target = filepath.Join(b.run.Dir, target)
	}
	if err := errors.Join(os.MkdirAll(target, 0o700), unix.Mount(m.Source, target, "", unix.MS_BIND, "")); err != nil {
		return err
	}
	b.undo = append(b.undo, func() error { return unix.Unmount(target, unix.MNT_DETACH) })
	if m.ReadOnly {
		return unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	return nil
}

func (b *richBuilder) Proxy(_ context.Context, _ string, h http.Handler) (string, error) {
	server := httptest.NewServer(h)
	b.undo = append(b.undo, func() error { server.Close(); return nil })
	return server.URL, nil
}

func (b *richBuilder) Start(ctx context.Context) (engines.Sandbox, error) {
	s, err := b.Builder.Start(ctx)
	return &richSandbox{Sandbox: s, builder: b}, err
}

type richSandbox struct {
	engines.Sandbox
	builder *richBuilder
	mu      sync.Mutex
	shells  []*richShell
}

// Wait ends the shells with the commands.
func (s *richSandbox) Wait(ctx context.Context) (engines.Result, error) {
	result, err := s.Sandbox.Wait(ctx)
	if ctx.Err() != nil {
		return result, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, shell := range s.shells {
		err = errors.Join(err, shell.Close())
	}
	return result, err
}

func (s *richSandbox) Shell(_ context.Context, command []string, terminal bool) (engines.Shell, error) {
	b := s.builder
	ours, theirs, err := os.Pipe()
	if terminal {
		ours, theirs, err = openTerminal()
	}
	if err != nil {
		return nil, err
	}
	tree, err := b.engine.trees.Open(proc.Options{Dir: b.run.Dir, Mark: "SHELL_OF=" + b.run.Dir})
	if err != nil {
		return nil, err
	}
	process, err := tree.Start(proc.Command{Path: command[0], Args: command, Dir: b.run.Dir, Env: b.env, Output: theirs})
	if err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	shell := &richShell{File: ours, terminal: terminal, tree: tree, done: make(chan struct{})}
	go func() {
		defer close(shell.done)
		state, err := process.Wait()
		shell.code, shell.err = state.ExitCode(), errors.Join(err, theirs.Close())
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shells = append(s.shells, shell)
	return shell, nil
}

type richShell struct {
	*os.File
	terminal bool
	tree     *proc.Tree
	done     chan struct{}
	code     int
	err      error
}

func (s *richShell) Read(p []byte) (int, error) {
	n, err := s.File.Read(p)
	if errors.Is(err, unix.EIO) { // a terminal that nobody has any more
		err = io.EOF
	}
	return n, err //nolint:wrapcheck // io.EOF as it is
}

func (s *richShell) Resize(columns, rows uint16) error {
	if !s.terminal {
		return nil
	}
	return unix.IoctlSetWinsize(int(s.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
}

func (s *richShell) Wait(ctx context.Context) (int, error) {
	select {
	case <-s.done:
		return s.code, s.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (s *richShell) Close() error {
	err := s.tree.Kill(context.Background(), 0)
	<-s.done
	_ = s.File.Close() // it may be closed
	return errors.Join(err, s.tree.Close())
}

// openTerminal opens both ends of a pseudo terminal.
func openTerminal() (ours, theirs *os.File, err error) {
	ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, ours.Close())
	}
	return ours, theirs, nil
}

var (
	_ engines.Mounter = (*richBuilder)(nil)
	_ engines.Proxier = (*richBuilder)(nil)
	_ engines.Sheller = (*richSandbox)(nil)
)
