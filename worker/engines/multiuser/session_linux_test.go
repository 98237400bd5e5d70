package multiuser

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/launchagent"
	"github.com/workerkit/workerkit/internal/proc"
)

const socketVariable = "SEATED_SOCKET"

// TestSeatedAgent is the program of the session in TestSeated, and nothing by itself.
func TestSeatedAgent(t *testing.T) {
	socket := os.Getenv(socketVariable)
	if socket == "" {
		t.Skip("it is a part of TestSeated")
	}
	listener, err := launchagent.Listen(context.Background(), socket)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	if err := (&launchagent.Server{Trees: proc.New(logger), Logger: logger}).Serve(context.Background(), listener); err != nil {
		t.Fatal(err)
	}
}

// agentOf starts an agent as the account, as the login to a desktop would, and returns its process.
func agentOf(t *testing.T, account accounts.Account, socket string) *exec.Cmd {
	t.Helper()
	agent := exec.CommandContext(t.Context(), accountstest.Bin+"/test", "-test.run=^TestSeatedAgent$")
	agent.Dir, agent.Env = "/", []string{socketVariable + "=" + socket}
	agent.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Credential: &syscall.Credential{Uid: account.UID, Gid: account.GID},
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	return agent
}

// TestSeated: commands are children of the session's agent, not of the worker, and end when the worker wants.
func TestSeated(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir, err := os.MkdirTemp("", "seated")
	if err == nil {
		err = os.Chmod(dir, 0o777|os.ModeSticky) //nolint:gosec // as /tmp is
	}
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "agent.sock")
	s := &screen{}
	c := config("/home", 1)
	c.Desktop = s.desktop(t.TempDir())
	var agent *exec.Cmd
	c.Desktop.Open = Seated(socket)
	c.Desktop.Enter = func(ctx context.Context, account *accounts.Account) error {
		agent = agentOf(t, *account, socket)
		ctx, done := context.WithTimeout(ctx, time.Minute)
		defer done()
		return launchagent.Agent{Path: socket, UID: account.UID}.Await(ctx, time.Millisecond)
	}
	if err := New(c).Open(t.Context()); !errors.Is(err, ErrReboot) {
		t.Fatal(err)
	}
	s.now = s.next // the machine boots
	e := open(t, c)
	run := script(t, e, "of_1_0", "id -un; echo $PPID; pwd; sleep 1000 & echo $!")
	lines := strings.Fields(run.output(t))
	if len(lines) != 4 || lines[0] != s.now || lines[1] != strconv.Itoa(agent.Process.Pid) || lines[2] != run.Dir {
		t.Errorf("the task saw %q; the agent is %d", lines, agent.Process.Pid)
	} else if _, err := os.Stat("/proc/" + lines[3]); err == nil {
		t.Error("what the command left behind goes on")
	}
	if err := agent.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("the session ended with the task")
	}
	account, _, err := e.accounts.Lookup(s.now)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, c.Desktop, account)
}

// ends: commands that would go on end by a word, or by force, and no other is started after that.
func ends(t *testing.T, d *Desktop, account accounts.Account) {
	t.Helper()
	for text, grace := range map[string]time.Duration{
		"trap 'exit 5' TERM; echo; while :; do sleep 0.01; done": time.Hour,
		"trap '' TERM; echo; while :; do sleep 0.01; done":       0,
	} {
		tree, err := d.Open(account, proc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		command := proc.Command{Path: "/bin/sh", Args: []string{"sh", "-c", text}, Dir: "/", Output: w}
		process, err := tree.Start(command)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = r.Read(make([]byte, 1)) // the trap is set
		if err := tree.Kill(t.Context(), grace); err != nil {
			t.Error(err)
		}
		state, err := process.Wait()
		if err != nil || state.Success() || grace > 0 && state.ExitCode() != 5 {
			t.Errorf("ended as %v, %v", state, err)
		}
		if _, err := tree.Start(command); !errors.Is(err, proc.ErrClosed) {
			t.Errorf("another one is started: %v", err)
		}
		if err := errors.Join(tree.Close(), r.Close(), w.Close()); err != nil {
			t.Error(err)
		}
	}
}
