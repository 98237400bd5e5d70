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
	"sync"
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

// Worker is a worker that was started. Its methods may be called from any goroutine.
type Worker struct {
	conn  *protocol.Conn
	cmd   *exec.Cmd
	stdin *os.File
	done  chan struct{}
	once  sync.Once // of ended
	end   End       // valid when done is closed
}

// End is how a worker's process ended.
type End struct {
	Code int    // -1 when a signal ended it
	Text string // "exit status 68", "signal: killed"
}

// drainTime is how long the output of a worker is read after its end. All that it wrote itself
// is there at once; something that it started may hold its output open for ever.
// While its last words still come, for example because whoever writes the log is slow, the time
// starts anew, up to drainCap.
const (
	drainTime = time.Second
	drainCap  = 10 * time.Second
)

// killTime is how long a worker that was killed may take to end. One that waits for a disk that
// is gone takes for ever, and must not keep its runner from giving the machine back.
const killTime = 30 * time.Second

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
	w := &Worker{conn: protocol.New(stdin, protocol.All()), cmd: cmd, stdin: stdin, done: make(chan struct{})}
	started := make(chan error)
	go w.run(c, []io.Closer{theirIn, theirOut}, stdout, started)
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
func (w *Worker) run(c Command, theirs []io.Closer, stdout *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := w.cmd.Start()
	for _, end := range theirs {
		err = errors.Join(err, end.Close())
	}
	if err != nil {
		started <- err
		return
	}
	release, err := bind(w.cmd, c.Ours)
	if err != nil {
		c.Log.Warn("the worker would outlive its runner", "error", err)
	}
	started <- nil
	end := w.wait(c, stdout)
	release()
	w.ended(end)
}

// ended says how the worker has ended; the first to say so counts.
func (w *Worker) ended(end End) {
	w.once.Do(func() {
		w.end = end
		close(w.done)
	})
}

// wait waits for the end of the process and of its output.
func (w *Worker) wait(c Command, stdout *os.File) End {
	var readError error
	read := make(chan struct{})
	output := &output{file: stdout}
	go func() {
		defer close(read)
		readError = w.conn.Read(output, c.Handle, c.Text)
	}()
	err := w.cmd.Wait()
	end := End{Code: w.cmd.ProcessState.ExitCode(), Text: w.cmd.ProcessState.String()}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		end = End{Code: -1, Text: err.Error()}
	}
	_ = w.stdin.Close() // there is nobody who could miss anything
	if err := output.drain(); err != nil {
		// Windows: a read cannot be ended, not even by Close. It ends with this program.
		select {
		case <-read:
			_ = stdout.Close()
		case <-time.After(drainTime):
		}
		return end
	}
	<-read
	if errors.Is(readError, os.ErrDeadlineExceeded) {
		c.Log.Warn("the worker has ended, but something that it started holds its output open")
	}
	_ = stdout.Close()
	return end
}

// Conn is the connection to the worker.
func (w *Worker) Conn() *protocol.Conn { return w.conn }

// PID is the process's id.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

// Done is closed when the worker's process has ended and its output has been read, or when it
// was killed and does not end.
func (w *Worker) Done() <-chan struct{} { return w.done }

// End is how the process ended; call it after Done.
func (w *Worker) End() End { return w.end }

// Stop ends the worker: it asks for graceful termination without finishing tasks, waits for at
// most grace, and kills the worker and its process group. It returns when Done is closed.
func (w *Worker) Stop(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select { // before hello nobody knows what the worker understands
	case <-w.conn.Ready():
	case <-w.done:
		return
	case <-timer.C:
		w.kill()
		return
	}
	// Whoever does not read must not hold us up; Windows, which has no such deadline, has pipes
	// that are large enough for all that a runner ever says.
	_ = w.stdin.SetWriteDeadline(time.Now().Add(grace))
	if !w.conn.Agreed(protocol.GracefulTermination) || w.conn.Send(protocol.Terminate(false, time.Time{})) != nil {
		interrupt(w.cmd)
	}
	select {
	case <-w.done:
	case <-timer.C:
		w.kill()
	}
}

// kill kills the worker and its process group, and gives it up when it does not end of that.
func (w *Worker) kill() {
	kill(w.cmd)
	select {
	case <-w.done:
	case <-time.After(killTime):
		w.ended(End{Code: -1, Text: "killed, but it does not end"})
	}
}

// IsOurs tells whether the worker at path is of this project, by its --version.
func IsOurs(ctx context.Context, path string) (bool, error) {
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
