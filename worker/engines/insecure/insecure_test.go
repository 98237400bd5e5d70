package insecure

import (
	"log/slog"
	"os"
	"runtime"
	"testing"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
)

func TestMain(m *testing.M) {
	enginetest.Main()
	os.Exit(m.Run())
}

func newEngine(*testing.T) engines.Engine {
	return New(proc.New(slog.New(slog.DiscardHandler)), os.Environ())
}

func TestEngine(t *testing.T) {
	enginetest.Run(t, enginetest.Case{
		New:     newEngine,
		Payload: commandPayload,
		Loose:   runtime.GOOS != "linux" && runtime.GOOS != "windows",
	})
}
