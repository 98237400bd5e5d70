package hello_test

import (
	"encoding/json"
	"log/slog"
	"testing"

	hello "github.com/workerkit/workerkit/examples/hello-engine"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestEngine(t *testing.T) {
	enginetest.Run(t, enginetest.Case{
		New: func(*testing.T) engines.Engine { return hello.New() },
		Act: func(act enginetest.Act) string {
			payload := map[string]any{"hello": act.Print, "lastsMs": act.Sleep.Milliseconds(), "exitCode": act.Exit}
			if act.Files != nil { // null would not be valid
				payload["files"] = act.Files
			}
			text, err := json.Marshal(payload)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		},
	})
}

// A payload cannot make the worker write elsewhere.
func TestFilesStayInTheTaskDirectory(t *testing.T) {
	for _, path := range []string{"../x", "/x", "a/../../x", ""} {
		text, err := json.Marshal(map[string]any{"hello": "", "files": map[string]string{path: ""}})
		if err != nil {
			t.Fatal(err)
		}
		run := &task.Run{Payload: text, Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
		if _, err := hello.New().NewBuilder(t.Context(), run); task.Resolve(err) != task.MalformedPayload {
			t.Errorf("%q: %v", path, err)
		}
	}
}
