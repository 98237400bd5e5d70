package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

// Exit codes of run.
const (
	exitFailed    = 1
	exitException = 2
	exitNotRun    = 3
)

type runFlags struct {
	artifacts, data, queue string
}

func newRunCommand() *cobra.Command {
	var flags runFlags
	command := &cobra.Command{
		Use:   "run TASK.yml",
		Short: "Run a task from a YAML or JSON file and show its log",
		Long: "Run a task from a YAML or JSON file: a task definition, the part of it that matters, or just\n" +
			"its payload. With TASKCLUSTER_ROOT_URL (and TASKCLUSTER_CLIENT_ID, TASKCLUSTER_ACCESS_TOKEN) in\n" +
			"the environment the task goes to that deployment; otherwise a Taskcluster and a worker are\n" +
			"started for it, and stopped afterwards. The task's log goes to standard output.\n\n" +
			"Exit code: 0 completed, 1 failed, 2 exception, 3 could not run.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &exitError{exitNotRun, errors.New("run: give one task file")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return run(cmd.Context(), args[0], flags, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := command.Flags()
	f.StringVar(&flags.artifacts, "artifacts", "", "download the artifacts of the last run into that `folder`")
	f.StringVar(&flags.data, "data", "", "keep what is started for the task in that `folder`, instead of a temporary one")
	f.StringVar(&flags.queue, "task-queue", "", "the task `queue`, where the file names none")
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitNotRun, err} })
	return command
}

// run runs one task to its end. The error tells the exit code.
func run(ctx context.Context, file string, flags runFlags, stdout, stderr io.Writer) error {
	definition, err := tasks.Read(file)
	if err != nil {
		return &exitError{exitNotRun, err}
	}
	if flags.artifacts != "" {
		if err := os.MkdirAll(flags.artifacts, 0o755); err != nil {
			return &exitError{exitNotRun, fmt.Errorf("--artifacts: %w", err)}
		}
	}
	place, err := findPlace(ctx, flags, machineConfig(definition), stderr)
	if err != nil {
		return &exitError{exitNotRun, err}
	}
	err = place.run(ctx, file, definition, flags, stdout, stderr)
	if closeErr := place.close(err); closeErr != nil {
		fmt.Fprintln(stderr, "taskcluster-local:", closeErr)
	}
	return err
}

// place is where a task can run.
type place struct {
	queue tc.Tasks
	pool  string // of tasks that name none
	poll  time.Duration
	// watch returns a context that ends with ctx, or when no task can run here any more.
	watch func(ctx context.Context) (watched context.Context, stop func())
	// waiting says what is known of a task that nobody has claimed.
	waiting func() string
	// close ends what was started for the task. It is told what became of it.
	close func(result error) error
}

// findPlace uses the deployment of the environment, or starts one.
func findPlace(ctx context.Context, flags runFlags, config map[string]any, stderr io.Writer) (*place, error) {
	root := os.Getenv("TASKCLUSTER_ROOT_URL")
	if root == "" {
		return startPlace(ctx, flags, config, stderr)
	}
	if u, err := url.Parse(root); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("TASKCLUSTER_ROOT_URL must be a URL such as https://taskcluster.example.com; unset it to have a Taskcluster started")
	}
	credentials := tc.Credentials{
		ClientID:    os.Getenv("TASKCLUSTER_CLIENT_ID"),
		AccessToken: secret.New(os.Getenv("TASKCLUSTER_ACCESS_TOKEN")),
		Certificate: secret.New(os.Getenv("TASKCLUSTER_CERTIFICATE")),
	}
	return &place{
		queue:   session.Client(root).Tasks(tc.Fixed(credentials)),
		pool:    flags.queue,
		poll:    2 * time.Second,
		watch:   func(ctx context.Context) (context.Context, func()) { return ctx, func() {} },
		waiting: func() string { return "is one running for its task queue?" },
		close:   func(error) error { return nil },
	}, nil
}

// run creates the task, follows it, and fetches its artifacts.
func (p *place) run(ctx context.Context, file string, definition tasks.Definition, flags runFlags, stdout, stderr io.Writer) error {
	if err := definition.Fill(tasks.Defaults{Queue: p.pool, Name: filepath.Base(file), Now: time.Now()}); err != nil {
		return &exitError{exitNotRun, fmt.Errorf("%s: %w", file, err)}
	}
	taskID := slugid.Nice()
	if err := p.queue.Create(ctx, taskID, definition.JSON()); err != nil {
		if tc.Status(err) == 0 {
			err = fmt.Errorf("the deployment of TASKCLUSTER_ROOT_URL does not answer: %w", err)
		}
		return &exitError{exitNotRun, err}
	}
	fmt.Fprintln(stderr, "task", taskID, "created")
	live, backing := definition.Logs()
	watched, stop := p.watch(ctx)
	defer stop()
	status, err := tasks.Follower{
		Queue: p.queue, HTTP: session.HTTP(), Poll: p.poll, Live: live, Backing: backing, Out: stdout,
		Notice: func(r tc.RunStatus) { fmt.Fprintln(stderr, describe(taskID, r)) },
		Waiting: func() {
			fmt.Fprintf(stderr, "no worker has claimed the task yet; %s (Ctrl-C cancels it)\n", p.waiting())
		},
	}.Follow(watched, taskID)
	if err != nil {
		return p.giveUp(ctx, taskID, err, stderr)
	}
	if flags.artifacts != "" && len(status.Runs) > 0 {
		err = p.download(ctx, taskID, status.Runs[len(status.Runs)-1].ID, flags.artifacts, stderr)
	}
	if result := outcome(status); result != nil || err == nil {
		return result
	}
	return &exitError{exitNotRun, err}
}

// download fetches the artifacts of a run, as many as can be had.
func (p *place) download(ctx context.Context, taskID string, runID int64, dir string, stderr io.Writer) error {
	written, err := tasks.Download(ctx, p.queue, session.HTTP(), taskID, runID, dir)
	fmt.Fprintf(stderr, "%d artifacts in %s\n", len(written), dir)
	return err
}

// giveUp cancels a task that nobody will follow any more.
func (p *place) giveUp(ctx context.Context, taskID string, why error, stderr io.Writer) error {
	bounded, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer done()
	if err := p.queue.Cancel(bounded, taskID); err != nil {
		fmt.Fprintln(stderr, "taskcluster-local:", err)
	} else {
		fmt.Fprintln(stderr, "task", taskID, "canceled")
	}
	if ctx.Err() != nil {
		return &exitError{exitException, errors.New("interrupted")}
	}
	return &exitError{exitNotRun, why}
}

func describe(taskID string, r tc.RunStatus) string {
	if !r.Resolved() {
		return fmt.Sprintf("task %s run %d %s on %s", taskID, r.ID, r.State, r.Worker)
	}
	if r.Reason == r.State {
		return fmt.Sprintf("task %s run %d %s", taskID, r.ID, r.State)
	}
	return fmt.Sprintf("task %s run %d %s/%s", taskID, r.ID, r.State, r.Reason)
}

// outcome is the exit code of a task that ended.
func outcome(status tc.TaskStatus) error {
	switch status.State {
	case "completed":
		return nil
	case "failed":
		return &exitError{code: exitFailed}
	default:
		return &exitError{code: exitException}
	}
}
