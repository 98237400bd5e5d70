package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/moving"
)

// installed is where a machine has what somebody installed.
type installed struct {
	root     string                  // stands for the root of the file system when it is not ""
	services func() []moving.Service // those that are in no file
	programs string                  // the folder of this program
}

func thisInstallation() installed {
	at := installed{services: moving.Registered}
	if self, err := os.Executable(); err == nil {
		at.programs = filepath.Dir(self)
	}
	return at
}

// find completes what is not said on the command line. A worker alone is of interest for a move.
func (at installed) find(w wanted, moves bool) (wanted, []moving.Service) {
	if w.runner != "" && !moves {
		return w, nil
	}
	services := moving.Services(runtime.GOOS, at.root, at.services())
	if w.runner == "" && w.worker == "" {
		w.runner = at.under(moving.FindRunner(runtime.GOOS, at.root, services))
	}
	if w.runner == "" && w.worker == "" && moves {
		w.worker = at.under(moving.FindWorker(runtime.GOOS, at.root, services))
	}
	return w, services
}

// enter goes to where the worker works, as far as that is known: start-worker and the worker take relative paths
// from there. Only what the command line names counts from where it was typed.
func (at installed) enter(typed, found wanted, services []moving.Service) wanted {
	dir := cmp.Or(found.dir, at.under(moving.ServiceDir(services)))
	if dir == "" {
		return found
	}
	found.dir = whole(found.dir)
	if typed.runner != "" {
		found.runner = whole(typed.runner)
	}
	if typed.worker != "" {
		found.worker = whole(typed.worker)
	}
	if err := os.Chdir(dir); err != nil { // which the report says
		return found
	}
	found.runner, found.worker = whole(found.runner), whole(found.worker)
	return found
}

// whole is a path that counts from the root of the file system; "" is none.
func whole(path string) string {
	if absolute, err := filepath.Abs(path); err == nil && path != "" {
		return absolute
	}
	return path
}

func (at installed) under(path string) string {
	if path == "" {
		return ""
	}
	return moving.Under(at.root, path)
}

// machine is what there is to move.
func (p program) machine(ctx context.Context, w wanted, c config.Config, services []moving.Service) moving.Machine {
	m := moving.Machine{
		OS: runtime.GOOS, RunnerFile: w.runner, Config: c, WorkerFile: w.worker, Dir: w.dir, Services: services,
		WorkerPath: cmp.Or(c.Worker.Path, moving.FindProgram(runtime.GOOS, services)), Now: time.Now(),
	}
	if m.Dir == "" {
		m.Dir = p.host.installed.under(moving.FindDir(runtime.GOOS, p.host.installed.root, cmp.Or(m.WorkerFile, c.Worker.ConfigPath), services))
	}
	if here, err := os.Getwd(); err == nil { // else relative paths stay what they are
		m.Here = here
	}
	m.Dir = whole(m.Dir) // the usual ones may be relative
	m.Settle()
	if m.WorkerPath != "" {
		m.WorkerVersion = versionOf(ctx, m.WorkerPath)
		m.Ours = strings.Contains(m.WorkerVersion, version.Name)
	}
	return m
}

// versionOf is what a worker says of itself; "" when it says nothing.
func versionOf(ctx context.Context, path string) string {
	ctx, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return oneLine(string(out))
}

// question is a worker's config that our worker is asked about.
type question struct {
	of, key string // a file, and the key of it when it is not the whole
	data    []byte
	err     error // why it is not known
	next    string
}

// told is what the worker that came with this program says of the config of the public one, and of the
// runner config's part of it when that is in order, where ours is not in its place yet.
func (p program) told(ctx context.Context, m moving.Machine, inOrder bool) (said []moving.Finding) {
	if m.Ours {
		return nil
	}
	var all []question
	if data, err := os.ReadFile(m.WorkerFile); err == nil { // else the report says it
		all = append(all, question{of: m.WorkerFile, data: data, next: "put it right in the runner config, the pool or its secrets, wherever it comes from"})
	}
	if inOrder && len(m.Config.WorkerConfig) > 0 && m.Config.Worker.Implementation == config.GenericWorker {
		data, err := known(ctx, m.Config)
		all = append(all, question{of: m.RunnerFile, key: "workerConfig: ", data: data, err: err, next: "put it right"})
	}
	if len(all) == 0 {
		return nil
	}
	worker := p.host.installed.neighbour(ctx)
	if worker == "" {
		return []moving.Finding{{Effect: moving.Differs, Of: all[0].of, Detail: "no worker of ours is beside this program that could be asked about it",
			Next: "put generic-worker beside start-worker, and check again"}}
	}
	for _, c := range all {
		said = append(said, c.verdict(ctx, worker, m))
	}
	return said
}

// verdict is what our worker says of a config.
func (c question) verdict(ctx context.Context, worker string, m moving.Machine) moving.Finding {
	said, err := "", c.err
	if err == nil {
		said, err = verdict(ctx, worker, withEngine(c.data, m.WorkerVersion))
	}
	f := moving.Finding{Effect: moving.Stays, Of: c.of, Detail: c.key + "our worker, " + worker + ", takes it"}
	switch {
	case err != nil:
		f.Effect, f.Detail = moving.Differs, c.key+"our worker could not be asked: "+oneLine(err.Error())
	case said != "":
		f.Effect, f.Detail, f.Next = moving.Blocks, c.key+"our worker says: "+said+mentioned(m.Config.Settings, said), c.next
	}
	return f
}

// neighbour is our worker in the folder of this program, by any name that a release gives it; "" when
// there is none.
func (at installed) neighbour(ctx context.Context) string {
	platform := "-" + runtime.GOOS + "-" + runtime.GOARCH
	for _, name := range []string{"", "-multiuser", "-insecure", "-multiuser" + platform, "-insecure" + platform} {
		found, err := exec.LookPath(filepath.Join(at.programs, "generic-worker"+name))
		if err == nil && strings.Contains(versionOf(ctx, found), version.Name) {
			return found
		}
	}
	return ""
}

// withEngine asks for the engine that the public worker was built with, unless the config does. What
// is no config comes back as it is.
func withEngine(data []byte, public string) []byte {
	var all map[string]any
	engine := moving.EngineOf(public)
	if json.Unmarshal(data, &all) != nil || all == nil || all["workerkit"] != nil || engine == "" {
		return data
	}
	all["workerkit"] = map[string]any{"engine": engine}
	changed, err := json.Marshal(all)
	if err != nil {
		return data
	}
	return changed
}

// moves prints what was found for one direction. The differences that are the same everywhere are many, and
// would hide what is about this machine.
func (p program) moves(title string, r *moving.Report, found checked) {
	if r == nil {
		return
	}
	fmt.Fprintln(p.stdout, title)
	others := 0
	for _, f := range r.Findings {
		if f.General && !found.all {
			others++
			continue
		}
		fmt.Fprintf(p.stdout, "  %-7s  %s: %s\n", f.Effect, f.Of, f.Detail)
		if f.Next != "" {
			fmt.Fprintf(p.stdout, "           → %s\n", f.Next)
		}
	}
	if others > 0 {
		fmt.Fprintf(p.stdout, "  differs  in %d things that are the same on every such machine: --all says them\n", others)
	}
	switch {
	case r.Blocked():
		fmt.Fprintln(p.stdout, "not ready: put right what blocks, and check again")
	case len(found.Problems) > 0:
		fmt.Fprintln(p.stdout, "not ready: put the problems right, and check again")
	default:
		fmt.Fprintln(p.stdout, "ready: nothing is in the way")
	}
}
