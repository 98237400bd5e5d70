package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

// task creates a task that runs a line of shell, once.
func (p *proof) task(ctx context.Context, line string) (string, error) {
	payload, err := json.Marshal(map[string]any{
		"command": [][]string{{"/bin/sh", "-c", line}}, "maxRunTime": 1200,
		"artifacts": []any{map[string]string{"type": "file", "name": "public/note.txt", "path": "note.txt"}},
	})
	if err != nil {
		return "", err
	}
	definition := tasks.Definition{"payload": payload, "retries": json.RawMessage("0")}
	if err := definition.Fill(tasks.Defaults{Queue: p.pool(), Name: "proof", Now: time.Now()}); err != nil {
		return "", err
	}
	id := slugid.Nice()
	return id, p.tasks.Create(ctx, id, definition.JSON())
}

// ordered waits until worker-manager has ordered a machine, in a cloud, and makes its metadata
// service reachable.
func (p *proof) ordered(ctx context.Context) error {
	if p.launch == nil {
		return nil
	}
	return p.await(ctx, "worker-manager ordered no machine", func() (bool, error) {
		for _, m := range p.server.Machines().Machines() {
			p.key = clouds.Key{WorkerPoolID: m.WorkerPoolID, WorkerGroup: m.WorkerGroup, WorkerID: m.WorkerID}
			p.lead(strings.TrimPrefix(m.Endpoint, "http://"))
			p.done("ordered", 0, "worker-manager ordered %s", p.key)
			return true, nil
		}
		return false, nil
	})
}

// claims waits for the machine's first claim, and notes when what happened before.
func (p *proof) claims(ctx context.Context, id string) error {
	err := p.await(ctx, "no claim", func() (bool, error) {
		status, err := p.tasks.Status(ctx, id)
		return err == nil && status.State != "pending", err
	})
	for _, mark := range []string{"kernel", "network"} {
		if after, ok := p.guest.After(mark); ok {
			p.done(mark, after, "")
		}
	}
	for _, call := range [][2]string{{"registered", "worker-manager.registerWorker"}, {"claimed", "queue.claimWork"}} {
		if at, ok := p.called(call[1]); ok {
			p.done(call[0], at.Sub(p.guest.Began), "")
		}
	}
	if !errors.Is(err, errLate) {
		return err
	}
	if _, booted := p.guest.After("kernel"); !booted {
		return fmt.Errorf("the disk does not boot: no kernel within %s on the serial console; console: %s", p.Patience, p.guest.Console)
	}
	return fmt.Errorf("%w within %s: kernel %s, network %s; %s; console: %s", ErrNeverClaimed, p.Patience,
		p.told("kernel"), p.told("network"), p.lastAsked(p.guest.Began), p.guest.Console)
}

// told is when the console told a mark.
func (p *proof) told(mark string) string {
	if after, ok := p.guest.After(mark); ok {
		return fmt.Sprintf("%.1f s", after.Seconds())
	}
	return "never"
}

// uploads waits for the end of the task and compares its artifact.
func (p *proof) uploads(ctx context.Context, id string) error {
	if err := p.ends(ctx, id, "completed", "completed"); err != nil {
		return err
	}
	folder := filepath.Join(p.Dir, "artifacts")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if _, err := tasks.Download(ctx, p.tasks, session.HTTP(), id, 0, folder); err != nil {
		return err
	}
	note, err := os.ReadFile(filepath.Join(folder, "public", "note.txt"))
	if err != nil {
		return err
	}
	if want := "made by " + id + "\n"; string(note) != want {
		return fmt.Errorf("the artifact is %q, not %q", note, want)
	}
	log, err := os.ReadFile(filepath.Join(folder, "public", "logs", "live_backing.log"))
	if err != nil {
		return err
	}
	if !bytes.Contains(log, []byte("Exit Code: 0")) {
		return errors.New("the uploaded log does not tell of an exit code 0")
	}
	p.done("uploaded", time.Since(p.guest.Began), "the task completed, artifact and log are there")
	return nil
}

// ends waits until a task is resolved, and compares how.
func (p *proof) ends(ctx context.Context, id, state, reason string) error {
	var status tc.TaskStatus
	err := p.await(ctx, "the task is not resolved", func() (bool, error) {
		var err error
		status, err = p.tasks.Status(ctx, id)
		return status.Resolved(), err
	})
	if err != nil {
		return err
	}
	if last := status.Runs[len(status.Runs)-1]; last.State != state || last.Reason != reason {
		return fmt.Errorf("the task ended %s/%s, not %s/%s%s", last.State, last.Reason, state, reason, p.why(ctx, id))
	}
	return nil
}

// why is what the log of a task complains of first; empty when there is none.
func (p *proof) why(ctx context.Context, id string) string {
	folder := filepath.Join(p.Dir, "failed")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return ""
	}
	// An artifact that is missing is no reason not to read the log.
	_, _ = tasks.Download(ctx, p.tasks, session.HTTP(), id, 0, folder)
	log, err := os.ReadFile(filepath.Join(folder, "public", "logs", "live_backing.log"))
	if err != nil {
		return ""
	}
	return complaint(log)
}

// complaint is the first error of the worker in a task's log, to be put behind an error.
func complaint(log []byte) string {
	for line := range strings.Lines(string(log)) {
		if text, ok := strings.CutPrefix(line, "[taskcluster:error] "); ok {
			return ": " + strings.TrimSpace(text)
		}
	}
	return ""
}

// obeys has the machine told, in the middle of a task, that it goes away: by the cloud's notice, or
// by the power button, which is all that the owner of a static machine has.
func (p *proof) obeys(ctx context.Context) error {
	id, err := p.task(ctx, "echo works; sleep 1000")
	if err != nil {
		return err
	}
	if err := p.await(ctx, "the second task is not claimed", func() (bool, error) {
		status, err := p.tasks.Status(ctx, id)
		return status.State == "running", err
	}); err != nil {
		return err
	}
	served, what := time.Now(), "the power button"
	if p.launch == nil {
		err = p.guest.PressPower(ctx)
	} else {
		what = "the notice " + p.notice.Kind
		err = p.server.Machines().Notify(p.key, p.notice)
	}
	if err != nil {
		return err
	}
	if err := p.ends(ctx, id, "exception", "worker-shutdown"); err != nil {
		return fmt.Errorf("after %s: %w", what, err)
	}
	p.done("obeyed", time.Since(p.guest.Began), "%s ended the second task after %.1f s", what, time.Since(served).Seconds())
	return nil
}

// goes waits until the machine has shut itself down. Where it had worker-manager remove it, the
// cloud presses its power button.
func (p *proof) goes(ctx context.Context) error {
	began, pressed := time.Now(), false
	err := p.await(ctx, "the machine does not switch itself off", func() (bool, error) {
		if p.launch != nil && !pressed && !p.guest.Off() && !p.server.Machines().Exists(p.key) {
			pressed = true
			return false, p.guest.PressPower(ctx)
		}
		return p.guest.Off(), nil
	})
	if err != nil {
		return err
	}
	if _, ok := p.guest.After("off"); !ok {
		return fmt.Errorf("the machine is off, but did not shut down in order; console: %s", p.guest.Console)
	}
	p.done("off", time.Since(p.guest.Began), "%.1f s after the task", time.Since(began).Seconds())
	return nil
}

// errLate is that something did not happen in time.
var errLate = errors.New("not in time") //nolint:gochecknoglobals // a constant

// await polls until done says so. A machine that is off does nothing any more.
func (p *proof) await(ctx context.Context, otherwise string, done func() (bool, error)) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	late := time.NewTimer(p.Patience)
	defer late.Stop()
	for {
		off := p.guest != nil && p.guest.Off()
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if off {
			return fmt.Errorf("%s: the machine is off after %.1f s: %w", otherwise, time.Since(p.guest.Began).Seconds(), errLate)
		}
		select {
		case <-ticker.C:
		case <-late.C:
			return fmt.Errorf("%s after %s: %w", otherwise, p.Patience, errLate)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
