package mock

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

func payloadOf(act enginetest.Act) string {
	if act.Files == nil {
		act.Files = map[string]string{}
	}
	script := map[string]any{"output": act.Print, "runForMs": act.Sleep.Milliseconds(), "exitCode": act.Exit}
	if act.Files != nil { // null would not be valid
		script["files"] = act.Files
	}
	text, err := json.Marshal(script)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestEngine(t *testing.T) {
	enginetest.Run(t, enginetest.Case{
		New: func(*testing.T) engines.Engine { return New() },
		Act: payloadOf,
	})
}

func TestStagesThatFail(t *testing.T) {
	for _, stage := range []string{"new", "start", "wait"} {
		log, err := tasklog.New(t.TempDir(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Remove()
		run := &task.Run{Payload: json.RawMessage(`{"failIn": "` + stage + `"}`), Dir: t.TempDir(), Log: log}
		failed := ""
		builder, err := New().NewBuilder(t.Context(), run)
		if err != nil {
			failed = "new"
		} else if sandbox, startErr := builder.Start(t.Context()); startErr != nil {
			failed, err = "start", startErr
		} else if _, waitErr := sandbox.Wait(t.Context()); waitErr != nil {
			failed, err = "wait", waitErr
		}
		if failed != stage || task.Resolve(err) != task.InternalError {
			t.Errorf("%q failed with %v, want %q", failed, err, stage)
		}
	}
}
