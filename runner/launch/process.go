package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/version"
)

// Command says which worker to start and who hears of it.
type Command struct {
	Path       string
	ConfigPath string
	Stderr     io.Writer // the worker's standard error; best a file
	Log        *slog.Logger
	// Ours says that the worker is of this project: it ends by itself, and in good order, when
	// its runner is gone.
	Ours bool

	// Handle and Text get the worker's messages and its other lines, from one goroutine.
	Handle func(protocol.Message)
	Text   func(string)
}

// process is a worker that is a process of the runner's.
type process struct{ cmd *exec.Cmd }

func (p process) pid() int { return p.cmd.Process.Pid }

func (p process) interrupt() { interrupt(p.cmd) }

func (p process) kill() { kill(p.cmd) }

// Start starts a worker and welcomes it.
func Start(c Command) (*Worker, error) {
	theirIn, stdin, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	stdout, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start worker: %w", err), theirIn.Close(), stdin.Close())
	}
	cmd := exec.Command(c.Path, "run", "--config", c.ConfigPath, "--with-worker-runner")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, c.Stderr
	separate(cmd)
	w := &Worker{conn: protocol.New(stdin, protocol.All()), body: process{cmd}, stdin: stdin, done: make(chan struct{})}
	started := make(chan error)
	go w.run(c, cmd, []io.Closer{theirIn, theirOut}, stdout, started)
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("start worker: %w", err), stdin.Close(), stdout.Close())
	}
	if err := Protect(cmd.Process.Pid); err != nil {
		c.Log.Warn("the worker is not protected from the out-of-memory killer", "error", err)
	}
	if err := w.conn.Welcome(); err != nil {
		c.Log.Warn("the worker does not listen", "error", err)
	}
	return w, nil
}

// run starts the process and owns it and the goroutine that reads its output. Where a worker is
// told that its parent has died, the parent is the thread that has started it: that thread must
// live as long as the worker.
func (w *Worker) run(c Command, cmd *exec.Cmd, theirs []io.Closer, stdout *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	for _, end := range theirs {
		err = errors.Join(err, end.Close())
	}
	if err != nil {
		started <- err
		return
	}
	release, err := bind(cmd, c.Ours)
	if err != nil {
		c.Log.Warn("the worker would outlive its runner", "error", err)
	}
	started <- nil
	end := w.wait(c, cmd, stdout)
	release()
	w.ended(end)
}

// wait waits for the end of the process and of its output.
func (w *Worker) wait(c Command, cmd *exec.Cmd, stdout *os.File) End {
	from := w.listen(stdout, c.Handle, c.Text)
	err := cmd.Wait()
	end := End{Code: cmd.ProcessState.ExitCode(), Text: cmd.ProcessState.String()}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		end = End{Code: -1, Text: err.Error()}
	}
	_ = w.stdin.Close() // there is nobody who could miss anything
	from.finish(c.Log)
	return end
}

// IsOurs tells whether the worker at path is of this project, by its --version. One of which nobody
// knows where it is, "", is not.
func IsOurs(ctx context.Context, path string) (bool, error) {
	if path == "" {
		return false, nil
	}
	ctx, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return false, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	return strings.Contains(string(out), version.Name), nil
}
