package insecure

import (
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/worker/engines/enginetest/hostile"
)

func TestZZ(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	if err := syscall.Mount("tmpfs", "/usr/local/bin", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TASKCLUSTER_ACCESS_TOKEN", "the worker's secret")
	hostile.Run(t, hostile.Case{New: newEngine, Isolated: true})
}
