package insecure

import (
	"log/slog"
	"os"
	"testing"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest/hostile"
)

func TestHostileTasks(t *testing.T) {
	c := hostile.Case{New: newEngine}
	trees := proc.NewGrouped(t.Context(), slog.New(slog.DiscardHandler))
	if trees.Grouped() {
		c.Limited = func(_ *testing.T, limits proc.Limits) engines.Engine {
			return New(Config{Trees: trees, Env: os.Environ(), Limits: limits})
		}
	}
	hostile.Run(t, c)
}
