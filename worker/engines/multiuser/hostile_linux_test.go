package multiuser

import (
	"os"
	"testing"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest/hostile"
)

func TestHostileTasks(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	t.Setenv("TASKCLUSTER_ACCESS_TOKEN", "the worker's secret")
	limited := func(t *testing.T, limits proc.Limits) engines.Engine {
		t.Helper()
		c := config(os.TempDir(), 2)
		c.Limits = limits
		return open(t, c)
	}
	c := hostile.Case{New: func(t *testing.T) engines.Engine { return limited(t, proc.Limits{}) }, Isolated: true}
	if trees().Grouped() {
		c.Limited = limited
	}
	hostile.Run(t, c)
}
