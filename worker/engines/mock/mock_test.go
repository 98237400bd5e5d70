package mock

import (
	"encoding/json"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/engines/enginetest"
)

func payloadOf(act enginetest.Act) string {
	text, err := json.Marshal(map[string]any{
		"output": act.Print, "files": act.Files, "runForMs": act.Sleep.Milliseconds(), "exitCode": act.Exit,
	})
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
