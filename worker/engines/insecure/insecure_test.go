package insecure

import (
	"log/slog"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
)

func TestMain(m *testing.M) {
	enginetest.Main()
	os.Exit(m.Run())
}

func newEngine(*testing.T) engines.Engine {
	return New(Config{Trees: proc.New(slog.New(slog.DiscardHandler)), Env: os.Environ()})
}

// apart tells whether this is a process whose mounts nobody else sees: as root the engine mounts what can only
// be read. The first time it is not, and the caller returns.
func apart(t *testing.T) bool {
	t.Helper()
	return runtime.GOOS != "linux" || os.Geteuid() != 0 || accountstest.Inside(t)
}

func TestEngine(t *testing.T) {
	if !apart(t) {
		return
	}
	c := enginetest.Case{
		New:     newEngine,
		Payload: enginetest.Commands,
		Loose:   runtime.GOOS != "linux" && runtime.GOOS != "windows",
		Grouped: runtime.GOOS == "windows",
	}
	if runtime.GOOS == "windows" { // where every tree has a job object
		c.Limited = func(_ *testing.T, limits proc.Limits) engines.Engine {
			return New(Config{Trees: proc.New(slog.New(slog.DiscardHandler)), Env: os.Environ(), Limits: limits})
		}
	}
	enginetest.Run(t, c)
}

// TestEngineInGroups runs it as the worker does where control groups are writable.
func TestEngineInGroups(t *testing.T) {
	if !apart(t) {
		return
	}
	trees := func() *proc.Trees { return proc.NewGrouped(t.Context(), slog.New(slog.DiscardHandler)) }
	if !trees().Grouped() || runtime.GOOS == "windows" {
		t.Skip("no control group is writable here")
	}
	limited := func(_ *testing.T, limits proc.Limits) engines.Engine {
		return New(Config{Trees: trees(), Env: os.Environ(), Limits: limits})
	}
	enginetest.Run(t, enginetest.Case{
		New:     func(t *testing.T) engines.Engine { return limited(t, proc.Limits{}) },
		Payload: enginetest.Commands,
		Limited: limited,
		Grouped: true,
	})
}

// A variable that may hold credentials is kept from tasks however the system lets it be spelt.
func TestPrivateVariables(t *testing.T) {
	lower := []string{"aws_secret_access_key=s", "Taskcluster_Access_Token=s", "notify_socket=s"}
	env := append([]string{"AWS_SECRET_ACCESS_KEY=s", "TASKCLUSTER_ACCESS_TOKEN=s", "GOOGLE_X=s", "AZURE_X=s", "NOTIFY_SOCKET=s", "PATH=p", "LAWS_X=y"}, lower...)
	want := []string{"PATH=p", "LAWS_X=y"}
	if runtime.GOOS != "windows" {
		want = append(want, lower...) // other variables, by the system's rules
	}
	if got := New(Config{Env: env}).config.Env; !slices.Equal(got, want) {
		t.Errorf("the task's environment is %q, want %q", got, want)
	}
}
