package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/dockerworker"
	"github.com/workerkit/workerkit/worker/payload"
)

// showSchema prints what payloads may be, with the engine that the program would choose: on Linux, those
// of docker-worker as well, which a configuration can enable.
func showSchema(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) int {
	if !parse(flags, args[2:], stderr) {
		return exitUsage
	}
	defaults := config.Defaults()
	defaults.Workerkit.Engine = chooseEngine("", args[0], builtEngine, privileged())
	text, err := parts{config: &defaults}.document(runtime.GOOS == "linux")
	if err != nil {
		fmt.Fprintln(stderr, "generic-worker:", err)
		return exitInternal
	}
	fmt.Fprintln(stdout, string(text))
	return 0
}

// document is the schema of native payloads, or of either form.
func (p parts) document(containers bool) ([]byte, error) {
	native, err := p.schema()
	if err != nil {
		return nil, err
	}
	if !containers {
		return native.JSON()
	}
	docker, err := dockerworker.Schema()
	if err != nil {
		return nil, err
	}
	var forms []any
	for _, form := range []struct {
		title  string
		schema *payload.Schema
	}{{"Generic worker payload", native}, {"Docker worker payload", docker}} {
		text, err := form.schema.JSON()
		var document map[string]any
		if err == nil {
			err = json.Unmarshal(text, &document)
		}
		if err != nil {
			return nil, err
		}
		delete(document, "$schema") // which is the whole document's
		document["title"] = form.title
		forms = append(forms, document)
	}
	return json.MarshalIndent(map[string]any{"$schema": payload.Draft, "title": "Task payload", "oneOf": forms}, "", "  ")
}

// status is what the status file says. It exists while tasks run.
type status struct {
	CurrentTaskIDs []string `json:"currentTaskIds"`
}

func statusFile() string { return filepath.Join(os.TempDir(), "worker-status.json") }

func showStatus(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) int {
	if !parse(flags, args, stderr) {
		return exitUsage
	}
	s := status{CurrentTaskIDs: []string{}}
	data, err := os.ReadFile(statusFile())
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(stderr, "generic-worker: read the status:", err)
		return exitStatusUnknown
	}
	if err := json.NewEncoder(stdout).Encode(s); err != nil {
		return exitStatusUnknown
	}
	return 0
}
