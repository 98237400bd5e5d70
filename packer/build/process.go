package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/render"
)

// tailLines is how much of a log an error quotes.
const tailLines = 20

// TargetError says that the image could not be validated or built for a target.
type TargetError struct {
	Target packer.Target
	Log    string   // path of the whole log; empty for validate
	Tail   []string // the last lines that packer printed, as Line has them
	Err    error
}

// Error implements error, with the tail of the log.
func (e *TargetError) Error() string {
	text := fmt.Sprintf("build: %s: %v", e.Target, e.Err)
	if e.Target == "" {
		text = fmt.Sprintf("build: %v", e.Err)
	}
	if e.Log != "" {
		text += " (log: " + e.Log + ")"
	}
	return strings.Join(append([]string{text}, e.Tail...), "\n  | ")
}

// Unwrap implements errors.Unwrap.
func (e *TargetError) Unwrap() error { return e.Err }

// ErrInterrupted is in the error of a target whose build the end of the context ended.
var ErrInterrupted = errors.New("interrupted")

func (r *run) args(t packer.Target, command, output string) []string {
	args := []string{command, "-only=" + render.Source(r.Image, t), "-var-file=" + render.VariablesFile, "-var", "output=" + output}
	if command == "build" {
		args = append(args, "-color=false", "-on-error=cleanup")
	}
	for _, variables := range []map[string]string{r.Variables, r.Own[t]} {
		for _, name := range slices.Sorted(maps.Keys(variables)) {
			args = append(args, "-var", name+"="+variables[name])
		}
	}
	return append(args, ".")
}

// initialise has a packer with plugins find those that the image needs: it installs what is
// missing, and does nothing otherwise.
func (r *run) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(r.Dir, "plugins.pkr.hcl")); err != nil {
		return nil // packer is too old to need any, or there is no such folder: packer will say so
	}
	return r.packer(ctx, "", "init", nil, []string{"init", "."})
}

// packer runs packer in the rendered folder until it ends. Its output goes to log, which may be
// nil, and to Progress.
func (r *run) packer(ctx context.Context, t packer.Target, step string, log io.Writer, args []string) (err error) {
	if ctx.Err() != nil {
		return &TargetError{Target: t, Err: fmt.Errorf("packer %s: %w: %w", step, ErrInterrupted, context.Cause(ctx))}
	}
	scratch, err := os.MkdirTemp("", "wk-") // a short name: packer makes sockets in it
	if err != nil {
		return &TargetError{Target: t, Err: err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	reader, writer, err := os.Pipe()
	if err != nil {
		return &TargetError{Target: t, Err: err}
	}
	defer reader.Close()                        //nolint:errcheck // only read from
	cmd := exec.Command(r.Packer.Path, args...) //nolint:gosec,noctx // packer; stop interrupts it, which a context cannot
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.Dir, writer, writer
	cmd.Env = append(slices.Clone(r.env), "TMPDIR="+scratch, "TMP="+scratch, "TEMP="+scratch)
	g, err := startGroup(cmd)
	if closed := writer.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return &TargetError{Target: t, Err: fmt.Errorf("start packer: %w", err)}
	}
	defer g.close()
	copied := make(chan tail, 1)
	go func() { copied <- r.copy(reader, t, step, log) }()
	err = r.wait(ctx, g)
	g.kill() // what it left behind; it also holds the pipe
	printed := <-copied
	if err = errors.Join(err, printed.err); err != nil {
		if printed.advice != "" {
			err = fmt.Errorf("%w: %s", err, printed.advice)
		}
		return &TargetError{Target: t, Tail: printed.lines, Err: fmt.Errorf("packer %s: %w", step, err)}
	}
	return nil
}

// wait waits until packer ends. When ctx ends it interrupts packer, which then cleans up and fails.
func (r *run) wait(ctx context.Context, g group) error {
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = g.cmd.Wait()
	}()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	// A further interrupt would end this process and with it the pipe to which packer writes, and
	// so packer, in the middle of its cleaning and without a word.
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	cause := fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))
	if err := g.interrupt(); err != nil {
		cause = errors.Join(cause, err)
	}
	timer := time.NewTimer(r.Grace)
	defer timer.Stop()
	var why string
	select {
	case <-ended:
		if err == nil { // it had built all of it, and an image that is there is a result
			return nil
		}
		return cause
	case <-timer.C:
		why = "did not end within " + r.Grace.String()
	case <-again:
		why = "was interrupted again before it had cleaned up"
	}
	g.kill()
	<-ended
	return fmt.Errorf("%w; packer %s and was killed: look for what it left in the cloud", cause, why)
}

// tail is the end of what was printed.
type tail struct {
	lines  []string
	advice string // what to do about it, when packer has said something that is known
	err    error
}

// copy takes packer's output until it ends.
func (r *run) copy(from io.Reader, t packer.Target, step string, log io.Writer) tail {
	if log == nil {
		log = io.Discard
	}
	masked, lines := io.Pipe()
	w := r.masker.Writer(io.MultiWriter(log, lines))
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, from)
		err = errors.Join(err, w.Close())
		lines.Close() //nolint:errcheck,gosec // never fails
		if err != nil {
			_, drained := io.Copy(io.Discard, from) // packer must not block on a full disk
			err = errors.Join(err, drained)
		}
		done <- err
	}()
	var last tail
	scanner := bufio.NewReader(masked)
	for {
		text, err := scanner.ReadString('\n')
		if text = printable(strings.TrimRight(text, "\r\n")); text != "" {
			if last.advice == "" {
				last.advice = advice(t, text)
			}
			last.lines = append(last.lines, text)
			last.lines = last.lines[max(0, len(last.lines)-tailLines):]
			r.report(Line{Target: t, Step: step, Time: time.Now(), Text: text})
		}
		if err != nil {
			last.err = <-done
			return last
		}
	}
}

func (r *run) report(l Line) {
	if r.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Progress(l)
}
