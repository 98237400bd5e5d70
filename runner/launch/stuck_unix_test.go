//go:build unix

package launch

import (
	"io"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
)

// TestAWorkerThatCannotBeKilled is given up. The stand-in has ended already, but nobody says so.
func TestAWorkerThatCannotBeKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cmd := exec.Command("true")
		separate(cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_, stdin, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w := &Worker{conn: protocol.New(io.Discard, protocol.All()), body: process{cmd}, stdin: stdin, done: make(chan struct{})}
		begin := time.Now()
		w.Stop(time.Minute)
		if took := time.Since(begin); took != time.Minute+killTime {
			t.Errorf("given up after %v", took)
		}
		if end := w.End(); end.Code != -1 || end.Text == "" {
			t.Errorf("%+v", end)
		}
		w.ended(End{Code: 0, Text: "exit status 0"}) // so late that nobody listens
		if w.End().Code != -1 {
			t.Error("its end has changed")
		}
		_ = cmd.Wait() // it was killed, or has ended
		_ = stdin.Close()
	})
}
