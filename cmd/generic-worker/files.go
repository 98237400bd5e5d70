package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/worker/engines/insecure"
)

// header is how each task's log begins.
func (p *program) header() string {
	c := p.config
	own := map[string]any{"capacity": c.Capacity}
	if c.HeadlessTasks {
		own["headlessTasks"] = true
	}
	about := map[string]any{
		"config": own, "engine": p.engineName(), "go-arch": runtime.GOARCH, "go-os": runtime.GOOS, "go-version": runtime.Version(),
		"release": "https://github.com/workerkit/workerkit/releases/tag/v" + version.String(), "version": version.String(),
	}
	if revision := version.Revision(); revision != "" {
		about["revision"] = revision
		about["source"] = "https://github.com/workerkit/workerkit/commits/" + revision
	}
	all := map[string]any{}
	maps.Copy(all, c.WorkerTypeMetadata)
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
			"lastTaskUrl": fmt.Sprintf("%s/tasks/%s/runs/%d", strings.TrimSuffix(p.config.RootURL, "/"), claim.TaskID, claim.RunID),
		})
	}
}

func (p *program) write(path string, value any) {
	if err := publish(path, value); err != nil {
		p.logger.Warn("a file for the machine's keeper was not written", "error", err)
	}
}

// publish replaces a file that everybody may read, and that holds no secret. The folder may be
// everybody's: what somebody else has put at path is neither followed nor written to.
func publish(path string, value any) (err error) {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(append(data, '\n'))
	err = errors.Join(err, file.Chmod(0o644), file.Close()) //nolint:gosec // for whoever looks after the machine
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(file.Name()))
	}
	return nil
}

// introduce says in the log what this worker is, without its secrets.
func (p *program) introduce() {
	public := *p.config
	public.AccessToken, public.Certificate = secret.String{}, secret.String{}
	text, err := json.Marshal(public)
	if err != nil {
		p.logger.Warn("the configuration cannot be shown", "error", err)
	}
	p.logger.Info("starting", "version", versionText(p.engineName()), "config", string(text))
	if p.engineName() == insecure.Name {
		p.logger.Info("the engine insecure runs tasks as this worker's own user: they can read all that it can")
	}
}
