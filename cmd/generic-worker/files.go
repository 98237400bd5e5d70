package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/worker/taskrun"
)

func credentials(m protocol.Message) *tc.Credentials {
	return &tc.Credentials{ClientID: m.ClientID, AccessToken: secret.New(m.AccessToken), Certificate: secret.New(m.Certificate)}
}

// header is how each task's log begins.
func (p *program) header() string {
	c := p.config
	own := map[string]any{"capacity": c.Capacity}
	if c.HeadlessTasks {
		own["headlessTasks"] = true
	}
	about := map[string]any{
		"config": own, "engine": p.engine.Name(), "go-arch": runtime.GOARCH, "go-os": runtime.GOOS, "go-version": runtime.Version(),
		"release": "https://github.com/workerkit/workerkit/releases/tag/v" + version.String(), "version": version.String(),
	}
	if revision := version.Revision(); revision != "" {
		about["revision"] = revision
		about["source"] = "https://github.com/workerkit/workerkit/commits/" + revision
	}
	all := map[string]any{}
	for key, value := range c.WorkerTypeMetadata {
		all[key] = value
	}
	all["generic-worker"] = about
	text, err := json.MarshalIndent(all, "  ", "  ")
	if err != nil { // it came from JSON
		text = []byte("{}")
	}
	return "Worker Type (" + c.TaskQueueID() + ") settings:\n  " + string(text)
}

// changed writes which tasks run, for the command "status"; without any there is no file.
func (p *program) changed(taskIDs []string) {
	if len(taskIDs) == 0 {
		if err := os.Remove(statusFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.logger.Warn("the status file is left", "error", err)
		}
		return
	}
	p.write(statusFile(), status{taskIDs})
}

// remember writes which task this worker ran last.
func (p *program) remember(claim tc.Claim) {
	if p.config.EnableMetadata {
		p.write("generic-worker-metadata.json", map[string]string{
			"lastTaskUrl": p.config.RootURL + "/tasks/" + claim.TaskID + "/runs/" + jsonNumber(claim.RunID),
		})
	}
}

func jsonNumber(n int64) string {
	text, _ := json.Marshal(n) // always encodes
	return string(text)
}

func (p *program) write(path string, value any) {
	data, err := json.Marshal(value)
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644) //nolint:gosec // for whoever looks after the machine; no secret
	}
	if err != nil {
		p.logger.Warn("a file for the machine's keeper was not written", "error", err)
	}
}

// leftovers lists the task directories of a worker that ended without cleaning up.
func leftovers(tasksDir string) []string {
	found, err := filepath.Glob(filepath.Join(tasksDir, "task_*"))
	if err != nil {
		return nil // only a bad pattern
	}
	return found
}

func (p *program) removeAll(dirs []string) {
	for _, dir := range dirs {
		if err := taskrun.RemoveDir(dir); err != nil {
			p.logger.Warn("an old task directory is left", "error", err)
		}
	}
}
