package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/worker/config"
)

// showSchema prints what payloads may be, with the engine that the program would choose.
func showSchema(program string, stdout, stderr io.Writer) int {
	defaults := config.Defaults()
	defaults.Workerkit.Engine = chooseEngine("", program, privileged())
	p := parts{config: &defaults}
	schema, err := p.schema()
	if err == nil {
		var text []byte
		if text, err = schema.JSON(); err == nil {
			fmt.Fprintln(stdout, string(text))
			return 0
		}
	}
	fmt.Fprintln(stderr, "generic-worker:", err)
	return exitInternal
}

// status is what the status file says. It exists while tasks run.
type status struct {
	CurrentTaskIDs []string `json:"currentTaskIds"`
}

func statusFile() string { return filepath.Join(os.TempDir(), "worker-status.json") }

func showStatus(stdout, stderr io.Writer) int {
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
