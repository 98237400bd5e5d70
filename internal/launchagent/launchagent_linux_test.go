package launchagent_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/launchagent"
	"github.com/workerkit/workerkit/internal/proc"
)

// serve runs an agent that obeys master, and returns it as the worker knows it. stop ends it.
func serve(t *testing.T, master uint32) (agent launchagent.Agent, stop func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.sock")
	logger := slog.New(slog.DiscardHandler)
	listener, err := launchagent.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		server := launchagent.Server{Master: master, Trees: proc.New(logger), Logger: logger}
		if err := server.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); serving.Wait() }
	t.Cleanup(stop)
	return launchagent.Agent{Path: path, UID: own()}, stop
}

func own() uint32 { return uint32(os.Getuid()) } //nolint:gosec // not negative

func shell(script string) launchagent.Command {
	return launchagent.Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH"), "NAME=value"}}
}

// start starts a script and returns its output's reading end.
func start(t *testing.T, agent launchagent.Agent, script string) (*launchagent.Process, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	process, err := agent.Start(t.Context(), shell(script), null, w)
	if err = errors.Join(err, w.Close(), null.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(process.Close(), r.Close()) })
	return process, r
}

func TestCommand(t *testing.T) {
	agent, _ := serve(t, own())
	if err := agent.Await(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]launchagent.Result{
		"echo $NAME >&2":         {},
		"echo value; exit 7":     {Code: 7},
		"echo value; kill -9 $$": {Code: -1, Signal: 9},
	} {
		process, out := start(t, agent, script)
		text, err := io.ReadAll(out)
		if err != nil || string(text) != "value\n" {
			t.Errorf("%s: the output is %q, %v", script, text, err)
		}
		got, err := process.Wait()
		got.User, got.Kernel = 0, 0
		if err != nil || got != want {
			t.Errorf("%s: ended as %+v, %v", script, got, err)
		}
		if got.Success() != (want == launchagent.Result{}) {
			t.Errorf("%s: success is %t", script, got.Success())
		}
	}
}

// TestInput: what the worker has open is the command's standard input, and several run at once.
func TestInput(t *testing.T) {
	agent, _ := serve(t, own())
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			path := filepath.Join(t.TempDir(), "in")
			want := strconv.Itoa(i)
			if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
				t.Error(err)
				return
			}
			in, _ := os.Open(path)
			r, w, _ := os.Pipe()
			process, err := agent.Start(t.Context(), shell("sleep 0.1; cat"), in, w)
			if err = errors.Join(err, in.Close(), w.Close()); err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != want {
				t.Errorf("the command read %q, %v", got, err)
			}
			if _, err := process.Wait(); err != nil {
				t.Error(err)
			}
			_ = errors.Join(process.Close(), r.Close())
		})
	}
	all.Wait()
}

func TestNotStarted(t *testing.T) {
	agent, _ := serve(t, own())
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	_, err = agent.Start(t.Context(), launchagent.Command{Path: "/no/such", Args: []string{"no"}, Dir: "/"}, null, null)
	if !errors.Is(err, launchagent.ErrNotStarted) || !strings.Contains(err.Error(), "/no/such") {
		t.Errorf("a program that is not there: %v", err)
	}
	_, err = agent.Start(t.Context(), launchagent.Command{}, null, null)
	if err == nil {
		t.Error("an empty command is started")
	}
}

// tree is a script that prints the id of a process which it leaves in the background, out of reach of
// a polite word. Neither ends by itself when the other is killed first.
const tree = `trap "" TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & while :; do sleep 1; done`

// alive waits until a process has ended, and tells whether it has not.
func alive(t *testing.T, pid int) bool {
	t.Helper()
	for range 2000 {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

func pid(t *testing.T, out io.Reader) int {
	t.Helper()
	line := make([]byte, 20)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestEnd: everything ends with Stop, also after a grace that is not used, with the worker, and with the agent.
func TestEnd(t *testing.T) {
	for name, end := range map[string]func(p *launchagent.Process, stop func()) error{
		"stop":            func(p *launchagent.Process, _ func()) error { return p.Stop(context.Background(), 0) },
		"stop with grace": func(p *launchagent.Process, _ func()) error { return p.Stop(context.Background(), 50*time.Millisecond) },
		"stop twice": func(p *launchagent.Process, _ func()) error {
			waiting, done := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer done()
			if err := p.Stop(waiting, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("the grace is not given: %w", err)
			}
			return p.Stop(context.Background(), 0)
		},
		"the worker goes": func(p *launchagent.Process, _ func()) error { return p.Close() },
		"the agent ends":  func(_ *launchagent.Process, stop func()) error { stop(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			agent, stop := serve(t, own())
			process, out := start(t, agent, tree)
			child := pid(t, out)
			if err := end(process, stop); err != nil {
				t.Fatal(err)
			}
			if alive(t, child) || alive(t, process.PID()) {
				t.Error("a process is left")
			}
			result, err := process.Wait()
			if err == nil && result.Signal != int(syscall.SIGKILL) {
				t.Errorf("ended as %v", result)
			}
		})
	}
}

// TestLeft: what a command leaves behind goes on until it is stopped.
func TestLeft(t *testing.T) {
	agent, _ := serve(t, own())
	process, out := start(t, agent, `sh -c 'echo $$; exec sleep 1000' & sleep 0.2`)
	child := pid(t, out)
	if result, err := process.Wait(); err != nil || !result.Success() {
		t.Fatal(result, err)
	}
	if err := syscall.Kill(child, 0); err != nil {
		t.Error("what the command left behind has gone before the worker wanted that")
	}
	if err := process.Stop(t.Context(), 0); err != nil || alive(t, child) {
		t.Errorf("it is left after Stop: %v", err)
	}
}

// TestStopIsBounded: an agent that does not answer does not hold up the worker.
func TestStopIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	listener, err := launchagent.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var mute sync.WaitGroup
	mute.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		one := make([]byte, 1)
		_, _ = conn.Read(one) // the descriptors with it are lost
		_, _ = conn.Write(one)
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, 9), `{"pid":1}`...))
		<-t.Context().Done()
	})
	t.Cleanup(func() { _ = listener.Close(); mute.Wait() })
	process, _ := start(t, launchagent.Agent{Path: path, UID: own()}, ":")
	ctx, done := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer done()
	if err := process.Stop(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
}

// TestStrangers: the agent obeys nobody else, and the worker asks nobody else's agent.
func TestStrangers(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	agent, _ := serve(t, own()+1)
	if _, err := agent.Start(t.Context(), shell(":"), null, null); err == nil {
		t.Error("the agent obeys somebody who is not its master")
	}
	agent, _ = serve(t, own())
	agent.UID++
	if _, err := agent.Start(t.Context(), shell(":"), null, null); !errors.Is(err, launchagent.ErrForeign) {
		t.Errorf("the worker asks another user's agent: %v", err)
	}
	if err := agent.Clear(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(agent.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("another user's socket is in the way still: %v", err)
	}
}

// TestClear: whatever a task has left at the place is removed, and the socket of the right user stays.
func TestClear(t *testing.T) {
	agent, _ := serve(t, own())
	if err := agent.Clear(); err != nil {
		t.Error(err)
	}
	if err := agent.Await(t.Context(), time.Millisecond); err != nil {
		t.Errorf("the right socket is gone: %v", err)
	}
	aside := filepath.Join(t.TempDir(), "aside")
	if err := os.WriteFile(aside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, leave := range map[string]func(path string) error{
		"nothing": func(string) error { return nil },
		"a tree":  func(path string) error { return os.MkdirAll(filepath.Join(path, "a", "b"), 0o700) },
		"a file":  func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a link":  func(path string) error { return os.Symlink(aside, path) },
	} {
		left := launchagent.Agent{Path: filepath.Join(t.TempDir(), "agent.sock"), UID: own()}
		if err := leave(left.Path); err != nil {
			t.Fatal(err)
		}
		err := left.Clear()
		if _, there := os.Lstat(left.Path); err != nil || !errors.Is(there, os.ErrNotExist) {
			t.Errorf("%s: %v, then %v", name, err, there)
		}
	}
	if _, err := os.Stat(aside); err != nil {
		t.Error("a link was followed")
	}
}

// TestNoSocket: a file or a link at the place is not asked, and nothing there is waited for no longer than wanted.
func TestNoSocket(t *testing.T) {
	agent, _ := serve(t, own())
	link := launchagent.Agent{Path: filepath.Join(t.TempDir(), "link"), UID: own()}
	if err := os.Symlink(agent.Path, link.Path); err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer done()
	if err := link.Await(ctx, time.Millisecond); !errors.Is(err, launchagent.ErrForeign) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a link is followed: %v", err)
	}
}

// TestListen: an agent that was killed has left its socket.
func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := launchagent.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, %v", info.Mode(), err)
	}
	_ = listener.Close()
}

// TestNonsense: whoever does not keep to the protocol gets nothing, and the agent goes on.
func TestNonsense(t *testing.T) {
	agent, _ := serve(t, own())
	long := binary.BigEndian.AppendUint32(nil, 1<<31)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	for name, c := range map[string]struct {
		rights []byte
		frame  []byte
	}{
		"no descriptors":      {nil, nil},
		"one descriptor":      {syscall.UnixRights(fd), nil},
		"too many":            {syscall.UnixRights(fd, fd, fd, fd, fd), nil},
		"far too many":        {syscall.UnixRights(fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd), nil},
		"too long a message":  {syscall.UnixRights(fd, fd), long},
		"not JSON":            {syscall.UnixRights(fd, fd), []byte{0, 0, 0, 1, '{'}},
		"half a message":      {syscall.UnixRights(fd, fd), []byte{0, 0, 0, 9, '{'}},
		"a command of no use": {syscall.UnixRights(fd, fd), []byte{0, 0, 0, 2, '{', '}'}},
	} {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: agent.Path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.WriteMsgUnix([]byte{0}, c.rights, nil); err != nil {
			t.Fatal(err)
		}
		if c.frame != nil {
			if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
				t.Fatalf("%s: no answer: %v", name, err)
			}
			if _, err := conn.Write(c.frame); err != nil {
				t.Fatal(err)
			}
		}
		_ = conn.CloseWrite()
		if rest, _ := io.ReadAll(conn); len(rest) != 0 {
			t.Errorf("%s: the answer is %q", name, rest)
		}
		_ = conn.Close()
	}
	process, _ := start(t, agent, ":")
	if result, err := process.Wait(); err != nil || !result.Success() {
		t.Errorf("after all this a command ended as %v, %v", result, err)
	}
}
