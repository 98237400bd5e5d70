package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
)

// files tries the folders that a start writes to.
func (e *examination) files(context.Context) []Finding {
	c := e.patient.Config
	var found []Finding
	if c.Worker.ConfigPath != "" {
		found = append(found, writable("worker's config", filepath.Dir(c.Worker.ConfigPath), "worker.configPath"))
	}
	if c.StateFile != "" {
		found = append(found, writable("state", existing(filepath.Dir(c.StateFile)), "cacheOverRestarts"))
	}
	return found
}

// writable makes a file in a folder and removes it.
func writable(check, dir, key string) Finding {
	file, err := os.CreateTemp(dir, ".start-worker-doctor")
	if err == nil {
		err = errors.Join(file.Close(), os.Remove(file.Name()))
	}
	if err != nil {
		return Finding{Check: check, Result: Fail, Detail: err.Error(), Next: "make " + dir + " writable for whoever runs start-worker, or change " + key}
	}
	return Finding{Check: check, Result: OK, Detail: dir + " is writable"}
}

// existing is the nearest folder above path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

// fewBytes is when the free disk space is worth a warning.
const fewBytes = 10 << 30

func (e *examination) disk(context.Context) []Finding {
	dir, _ := e.patient.Config.WorkerConfig["tasksDir"].(string)
	if dir == "" {
		dir = "."
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return []Finding{{Check: "disk", Result: Warn, Detail: err.Error()}}
	}
	dir = existing(dir)
	free, err := e.deps.Free(dir)
	if err != nil {
		return []Finding{{Check: "disk", Result: Warn, Detail: err.Error()}}
	}
	f := Finding{Check: "disk", Result: OK, Detail: fmt.Sprintf("%.1f GB free at %s", float64(free)/1e9, dir)}
	if free < fewBytes {
		f.Result, f.Next = Warn, "a worker that has less than its requiredDiskSpaceMegabytes ends: give it a larger disk, or another tasksDir"
	}
	return []Finding{f}
}

// worker asks the worker's program for its version, and what it says of its config.
func (e *examination) worker(ctx context.Context) []Finding {
	const check, keys = "worker", "workerConfig"
	w := e.patient.Config.Worker
	switch {
	case w.Implementation != config.GenericWorker:
		return nil
	case w.Path == "":
		return skipped("the config names no program that can be started", check, keys)
	}
	said, err := versionOf(ctx, w.Path)
	if err != nil {
		found := []Finding{{Check: check, Result: Fail, Detail: w.Path + " --version: " + err.Error(), Next: "is it the program for this system and processor?"}}
		return append(found, skipped("the worker cannot be asked", keys)...)
	}
	found := []Finding{{Check: check, Result: OK, Detail: w.Path + " is " + described(e.patient.Config, said)}}
	if len(e.patient.Problems) > 0 {
		return append(found, skipped("the config must be corrected first", keys)...)
	}
	switch asked, err := e.deps.Ask(ctx); {
	case err != nil:
		return append(found, Finding{Check: keys, Result: Fail, Detail: strings.TrimPrefix(err.Error(), e.patient.ConfigPath+": workerConfig: "), Next: "correct workerConfig"})
	case !asked:
		return append(found, skipped("the worker is not ours and would not tell", keys)...)
	default:
		return append(found, Finding{Check: keys, Result: OK, Detail: "the worker takes it"})
	}
}

// socket asks a start-worker that runs already.
func (e *examination) socket(ctx context.Context) []Finding {
	path := e.patient.Config.ControlSocket
	if path == "" {
		return []Finding{{Check: "control socket", Result: OK, Detail: "off"}}
	}
	s, err := control.NewClient(path).Status(ctx)
	switch {
	case err == nil:
		return []Finding{{Check: "control socket", Result: OK, Detail: fmt.Sprintf("a start-worker is %s since %s", s.State, s.Since.Format(time.RFC3339))}}
	case errors.Is(err, control.ErrNotRunning):
		return []Finding{{Check: "control socket", Result: OK, Detail: err.Error()}}
	default:
		return []Finding{{Check: "control socket", Result: Warn, Detail: err.Error(), Next: "ask as the user that start-worker runs as"}}
	}
}
