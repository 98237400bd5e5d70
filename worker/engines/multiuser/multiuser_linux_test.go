package multiuser

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

func TestMain(m *testing.M) {
	enginetest.Main()
	os.Exit(m.Run())
}

// trees are those of this process, which has one.
var trees = sync.OnceValue(func() *proc.Trees {
	return proc.NewGrouped(context.Background(), slog.New(slog.DiscardHandler))
})

// config is an engine's for a test that runs in namespaces of its own.
func config(homes string, slots int) Config {
	return Config{Logger: slog.New(slog.DiscardHandler), Trees: trees(), Homes: homes, Slots: slots, CleanUp: true}
}

// open starts an engine that ends with the test.
func open(t *testing.T, c Config) *Engine {
	t.Helper()
	e := New(c)
	if err := e.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, e) })
	return e
}

func shut(t *testing.T, e *Engine) {
	t.Helper()
	ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
	defer done()
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestEngine(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	limited := func(t *testing.T, limits proc.Limits) engines.Engine {
		t.Helper()
		homes, err := os.MkdirTemp("", "homes") // of one engine, which deletes whatever account is left there
		if err == nil {
			err = os.Chmod(homes, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		c := config(homes, 2)
		c.Limits = limits
		return open(t, c)
	}
	suite := enginetest.Case{
		New:      func(t *testing.T) engines.Engine { return limited(t, proc.Limits{}) },
		Payload:  enginetest.Commands,
		Grouped:  trees().Grouped(),
		Isolated: true,
	}
	if suite.Grouped {
		suite.Limited = limited
	}
	enginetest.Run(t, suite)
}

// one is a run whose command is a shell script.
type one struct {
	*task.Run
	result engines.Result
}

// script runs a shell script as a task, and returns when it has ended.
func script(t *testing.T, e *Engine, name, text string) *one {
	t.Helper()
	log, err := tasklog.New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Remove() })
	run := &task.Run{
		Payload: json.RawMessage(enginetest.Commands([]string{"/bin/sh", "-c", text})), Dir: filepath.Join(e.config.Homes, "task_"+name),
		Log: log, Logger: e.config.Logger,
	}
	if err := os.Mkdir(run.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	builder, err := e.NewBuilder(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	sandbox, err := builder.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := sandbox.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &one{run, result}
}

// output is what the script printed. It disposes of the run.
func (o *one) output(t *testing.T) string {
	t.Helper()
	if err := o.result.Dispose(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := o.Log.Close(); err != nil {
		t.Fatal(err)
	}
	reader := o.Log.NewReader(t.Context(), 0)
	defer reader.Close()
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	var own strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "[taskcluster") {
			own.WriteString(line)
		}
	}
	return own.String()
}

// accounts lists the names of tasks' accounts.
func names(t *testing.T) (list []string) {
	t.Helper()
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, _, _ := strings.Cut(line, ":"); strings.HasPrefix(name, "task_") {
			list = append(list, name)
		}
	}
	return list
}

func TestAccounts(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	e := open(t, config("/home", 1))
	first := script(t, e, "a_0", `id -un; id -G | wc -w; pwd; echo ~; [ -O . ] && stat -c %a .; touch file; ls -A $(getent passwd $(id -un) | cut -d: -f6) | grep -x file`)
	account := e.account(t)
	if got, want := first.output(t), account+"\n1\n/home/task_a_0\n/home/task_a_0\n700\nfile\n"; got != want {
		t.Errorf("the task saw\n%s, want\n%s", got, want)
	}
	second := script(t, e, "b_0", `id -un; umask; ls /home/task_a_0 2>&1; echo > /home/task_a_0/new`)
	got := second.output(t)
	if strings.HasPrefix(got, account+"\n") || !strings.Contains(got, "\n0022\n") || strings.Count(got, "ermission denied") != 2 {
		t.Errorf("the next task saw\n%s", got)
	}
	if entries, err := os.ReadDir("/home/task_a_0"); err != nil || len(entries) == 0 {
		t.Errorf("the task directory, which is the worker's to remove: %v, %v", entries, err)
	}
	shut(t, e)
	if left := names(t); len(left) > 0 {
		t.Errorf("accounts are left: %v", left)
	}
	if homes, _ := filepath.Glob("/home/home_*"); len(homes) > 0 {
		t.Errorf("left: %v", homes)
	}
	if _, err := e.NewBuilder(t.Context(), &task.Run{Dir: "/home/task_c_0"}); err == nil {
		t.Error("a closed engine took another run")
	}
}

// account is the name of the account whose home directory a task has got.
func (e *Engine) account(t *testing.T) string {
	t.Helper()
	left, err := e.accounts.Left(e.config.Homes)
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range left {
		if info, err := os.Lstat(account.Home); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return account.Name
		}
	}
	t.Fatal("no account has a task")
	return ""
}

// A worker that was killed left accounts, with processes: the next one ends them.
func TestLeftovers(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	killed := New(config("/home", 1))
	if err := killed.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := script(t, killed, "a_0", "id -un")                // never disposed of
	if _, err := killed.pool.take(t.Context()); err != nil { // that of the next task
		t.Fatal(err)
	}
	killed.stop(ErrClosed)
	killed.pool.drain()
	before := names(t)
	e := open(t, config("/home", 1))
	e.cleaning.Wait()
	for _, name := range before {
		for _, now := range names(t) {
			if now == name {
				t.Errorf("%s is left", name)
			}
		}
	}
	if got := run.output(t); got == "" {
		t.Error("no output")
	}
}

// Accounts of which somebody wants to see what became of them stay, and nothing runs as them.
func TestWithoutCleanUp(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	c := config("/home", 1)
	c.CleanUp = false
	e := open(t, c)
	run := script(t, e, "a_0", "setsid sleep 1000 > /dev/null 2>&1 & :")
	name := e.account(t)
	run.output(t)
	shut(t, e)
	if left := strings.Join(names(t), " "); !strings.Contains(left, name) {
		t.Errorf("%s is gone; left: %s", name, left)
	}
}

func TestAfterUserCreation(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	program := "/home/bin/prepare"
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$USER $PWD\" > prepared\n[ ! -e /home/fail ] || { echo no; exit 3; }\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := config("/home", 1)
	c.AfterCreation = program
	e := open(t, c)
	run := script(t, e, "a_0", `cut -d" " -f1 prepared; id -un`)
	name := e.account(t)
	if got := run.output(t); got != name+"\n"+name+"\n" {
		t.Errorf("the task saw %q, want %s twice", got, name)
	}
	if err := os.WriteFile("/home/fail", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	for range 3 { // accounts that were ready before are fine
		if _, err = e.pool.take(t.Context()); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "runAfterUserCreation") || !strings.Contains(err.Error(), "exit status 3: no") {
		t.Errorf("a program that fails: %v", err)
	}
}

// firstLine has room for the first line of a log; the others are dropped.
type firstLine chan string

func (l firstLine) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}

// A folder that tasks cannot enter is known before the first of them.
func TestHomesThatAreClosed(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	if err := os.MkdirAll("/home/closed/tasks", 0o700); err != nil {
		t.Fatal(err)
	}
	logged := make(firstLine, 1)
	c := config("/home/closed/tasks", 1)
	c.Logger = slog.New(slog.NewTextHandler(logged, nil))
	e := open(t, c)
	if line := <-logged; !strings.Contains(line, "no account can be made") || !strings.Contains(line, "permission denied") {
		t.Errorf("before any task the log says: %s", line)
	}
	_, err := e.NewBuilder(t.Context(), &task.Run{Dir: "/home/closed/tasks/task_a_0", Logger: e.config.Logger})
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("no account can be used in a closed folder, and yet: %v", err)
	}
	if left := names(t); len(left) > 1 { // one may be in the making
		t.Errorf("left: %v", left)
	}
}

// In a folder that everybody may change a task could put another one's directory away.
func TestHomesThatAreOpen(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir := filepath.Join("/home", "tasks")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for mode, refused := range map[os.FileMode]bool{0o777: true, 0o757: true, 0o775: false, 0o777 | os.ModeSticky: false, 0o755: false} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		e := New(config(dir, 1))
		err := e.Open(t.Context())
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "chmod it to 755") {
			t.Errorf("mode %s: %v", mode, err)
		}
		shut(t, e)
	}
}
