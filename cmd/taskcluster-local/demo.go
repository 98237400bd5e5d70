package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

// demoLimit is far more than the demo takes.
const demoLimit = 2 * time.Minute

func newDemoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Boot machines and run some tasks on them, all on this computer",
		Long: "Start the services, boot a machine with start-worker and run seven tasks on it; then let\n" +
			"worker-manager boot a spot machine on each emulated cloud and take it away in the middle of a\n" +
			"task. Show logs, artifacts and results, and stop everything. Fails when a result is not what\n" +
			"it should be.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, done := context.WithTimeoutCause(cmd.Context(), demoLimit, fmt.Errorf("demo: not done after %s", demoLimit))
			defer done()
			return runDemo(ctx, cmd.OutOrStdout())
		},
	}
}

// runDemo does all of the demo in a temporary folder, which it removes, but not after a failure.
func runDemo(ctx context.Context, out io.Writer) error {
	programs, err := session.Find()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "taskcluster-local-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d := demo{out: out, began: time.Now()}
	if err := d.in(ctx, programs, dir); err != nil {
		return fmt.Errorf("%w\nwhat the programs wrote is kept in %s", err, dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// demo is one run of the demo.
type demo struct {
	out     io.Writer
	began   time.Time
	session *session.Session
}

func (d *demo) in(ctx context.Context, programs session.Programs, dir string) (err error) {
	d.say("Services: taskcluster-local serve")
	d.session, err = session.Open(ctx, programs, dir, "--machines", "--start-worker", programs.StartWorker, "--generic-worker", programs.GenericWorker)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, d.session.Close())
		if err == nil {
			d.say("All programs stopped, all files removed.")
		}
	}()
	d.detail("root URL %s", d.session.RootURL)

	d.say("Machine: start-worker, which launches generic-worker")
	machine, err := bootMachine(ctx, d.session, ownPool, machineConfig(nil))
	if err != nil {
		return err
	}
	if err := d.show(machine, "provider.hcl", "runner.yml"); err != nil {
		return err
	}
	watched, stop := watch(ctx, machine)
	rows, err := d.tasks(watched)
	stop()
	if err != nil {
		return err
	}
	for _, cloud := range demoClouds() {
		r, err := d.cloud(ctx, cloud)
		if err != nil {
			return fmt.Errorf("demo: %s: %w", cloud.name, err)
		}
		rows = append(rows, r)
	}
	return d.summary(rows)
}

// tasks runs the demo's tasks one after another.
func (d *demo) tasks(ctx context.Context) ([]row, error) {
	var rows []row
	for _, task := range demoTasks() {
		d.say("Task “%s”: %s", task.name, task.about)
		got, err := d.task(ctx, task, d.out)
		if err != nil {
			return nil, fmt.Errorf("demo: %s: %w", task.name, err)
		}
		rows = append(rows, row{task, got, task.differences(got)})
	}
	return rows, nil
}

// task runs one task, writing its log to out while it runs.
func (d *demo) task(ctx context.Context, task demoTask, out io.Writer) (seen, error) {
	began := time.Now()
	definition, err := task.definition(began)
	if err != nil {
		return seen{}, err
	}
	queue, taskID := d.session.Tasks(), slugid.Nice()
	if err := queue.Create(ctx, taskID, definition.JSON()); err != nil {
		return seen{}, err
	}
	var log strings.Builder
	live, backing := definition.Logs()
	page := &logPage{out: out}
	status, err := tasks.Follower{
		Queue: queue, HTTP: session.HTTP(), Poll: 50 * time.Millisecond, Live: live, Backing: backing,
		Out: io.MultiWriter(&log, page),
	}.Follow(ctx, taskID)
	if err != nil {
		return seen{}, err
	}
	page.end()
	got := seen{status: status, log: log.String(), files: map[string]string{}, took: time.Since(began)}
	for _, run := range status.Runs {
		if err := d.artifacts(ctx, taskID, run.ID, got.files); err != nil {
			return seen{}, err
		}
	}
	d.detail("result: %s (%.1f s)", got.result(), got.took.Seconds())
	return got, nil
}

// artifacts fetches what a run left, and names it.
func (d *demo) artifacts(ctx context.Context, taskID string, runID int64, files map[string]string) error {
	dir := filepath.Join(d.session.Dir, "artifacts", taskID, fmt.Sprint(runID))
	written, err := tasks.Download(ctx, d.session.Tasks(), session.HTTP(), taskID, runID, dir)
	if err != nil {
		return err
	}
	for _, a := range written {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(a.Name)))
		if err != nil {
			return err
		}
		files[a.Name] = string(data)
		d.detail("artifact of run %d: %s (%s, %d bytes)", runID, a.Name, a.StorageType, len(data))
	}
	return nil
}
