package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// child is a program that this process started and will wait for.
type child struct {
	name string
	cmd  *exec.Cmd
	log  string        // where its standard error goes
	done chan struct{} // closed when it has been waited for
	err  error         // of Wait; set before done is closed
}

// command says what to start.
type command struct {
	name   string // of the log file, and in errors
	path   string
	args   []string
	dir    string
	env    []string  // beside the environment of this process
	stdout io.Writer // nil: into the log
	logs   string    // folder
}

// launch starts a program in a group of its own, so that a Ctrl-C at the terminal reaches
// only this process, which then stops its children in order.
func launch(c command) (*child, error) {
	path := filepath.Join(c.logs, c.name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	defer log.Close() // the child has its own
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.Stderr, cmd.Stdout = log, log
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	cmd.WaitDelay = time.Second // do not wait for whoever else holds its output
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	started := &child{name: c.name, cmd: cmd, log: path, done: make(chan struct{})}
	go func() {
		started.err = cmd.Wait()
		close(started.done)
	}()
	return started, nil
}

// pid is the process's id.
func (c *child) pid() int { return c.cmd.Process.Pid }

// wait returns when the program has ended, or ctx has. A program that fails is an error with
// the last line of its log.
func (c *child) wait(ctx context.Context) error {
	select {
	case <-c.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %s (its log: %s)", c.name, c.err, c.lastLine(), c.log)
}

// stop asks the program to end and, when grace is over, ends it with all of its group. It
// returns when the program has been waited for; a program that had to be killed is an error.
func (c *child) stop(grace time.Duration) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	if err := terminate(c.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		grace = 0
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
		return nil
	case <-timer.C:
	}
	killGroup(c.cmd.Process)
	<-c.done
	return fmt.Errorf("%s did not stop within %s and was killed (its log: %s)", c.name, grace, c.log)
}

// lastLine is the end of what the program said, to explain why it ended.
func (c *child) lastLine() string {
	lines := c.tail(1)
	return lines[len(lines)-1]
}

// tail is the end of the log, at most n lines and at least one.
func (c *child) tail(n int) []string {
	data, err := os.ReadFile(c.log)
	if err != nil {
		return []string{"its log cannot be read"}
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[max(0, len(lines)-n):]
}
