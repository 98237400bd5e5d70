// Package config reads the runner's config (YAML) and the provider file (HCL), and merges the
// layers of the worker's config. Everything is checked before anything is registered; each
// problem is one line with file, line and key.
package config

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/foreign"
	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/policy"
)

// Config is a checked runner config.
type Config struct {
	Place  Place
	Worker Worker
	// WorkerConfig is the runner file's own layer of worker config, the lowest.
	WorkerConfig map[string]any
	GetSecrets   bool
	// StateFile is what survives a reboot; "" when nothing should.
	StateFile string

	// Policy has a rule for every row: the place's defaults, changed by the file.
	Policy policy.Table
	// HoldFile is a file that stops every removal, power-off and reboot while it is there.
	HoldFile string
	// HelloWithin is how long a worker may take to say hello; 0 is no limit.
	HelloWithin time.Duration
	// ExitWithWorkerCode passes the worker's own exit code on.
	ExitWithWorkerCode bool
	Notices            Notices
	// ControlSocket is where status and drain are asked for; "" when nowhere.
	ControlSocket string
	LogFormat     LogFormat
	// CAFile has certificates that are trusted besides the system's; "" when none.
	CAFile string

	// Settings are the effective configuration, each key with where it comes from.
	Settings []Setting
}

// Notices says what follows from what a place announces.
type Notices struct {
	// DrainOn are the reasons of notices of the kind Advice that end the work.
	DrainOn []string
	// FinishTasksIfLeft lets tasks be finished when at least so much time is left before a
	// deadline; 0 means never.
	FinishTasksIfLeft time.Duration
}

// LogFormat is how the log is written.
type LogFormat string

// The log formats.
const (
	Text    LogFormat = "text" // as the public program's
	JSON    LogFormat = "json"
	Journal LogFormat = "journald"
)

// Place is where the machine runs.
type Place struct {
	Kind   providers.Kind
	Values providers.Values
	// PowerOff allows to switch off a machine that is not Ephemeral.
	PowerOff bool
	// Why says how the place was found, for the log.
	Why string
}

// Implementation is a sort of worker.
type Implementation string

// The implementations of workers.
const (
	GenericWorker Implementation = "generic-worker"
	Dummy         Implementation = "dummy" // prints what a worker would get
)

// Worker says which worker to run.
type Worker struct {
	Implementation Implementation
	Path           string // the program, as exec.LookPath found it; a service's, "" when it is not known
	Service        string // the Windows service that is the worker; "" when a process is
	ProtocolPipe   string // what the names of a service's pipes begin with
	ConfigPath     string // where its config is written
}

// Host answers what a provider file can ask about the machine.
type Host struct {
	Name   func() (string, error)
	Serial func() (string, error)
	MAC    func() (string, error)
}

// Options are what Load needs besides the file.
type Options struct {
	Kinds  []providers.Kind
	Facts  func() providers.Facts // asked only when nobody named the place
	Probe  providers.Deps         // what probes of metadata services use
	Getenv func(string) string    // of the variables that give a provider's keys
	Host   Host
	// Service is the command line of a Windows service; nil where there are none.
	Service func(name string) ([]string, error)
	// The default places.
	ProviderFile, StateFile, HoldFile, ControlSocket string
}

// Load reads and checks the config at path. When neither it nor the firmware says where the
// machine runs, it asks the metadata services, for at most two seconds. Warnings are for the
// log. The error joins all problems, each a *Problem, by file and line; c then has what could be
// read, for Options.Lost.
func Load(ctx context.Context, path string, o Options) (c Config, warnings []string, err error) {
	l := &loader{options: o, report: &report{}}
	data, note, err := private.Read(path)
	if err != nil {
		return c, nil, err
	}
	l.report.note(note)
	doc, problem := parseYAML(path, data, l.report)
	if problem != nil {
		return c, l.report.warned(), problem
	}
	c = l.config(ctx, doc.root(l.report))
	c.Settings = l.settings
	return c, l.report.warned(), l.report.err()
}

// loader loads one config.
type loader struct {
	options  Options
	report   *report
	settings []Setting
}

func (l *loader) config(ctx context.Context, top *block) Config {
	c := Config{
		Place:              l.place(ctx, top.object("provider", false)),
		Worker:             l.worker(top.object("worker", true)),
		WorkerConfig:       top.object("workerConfig", false).values,
		GetSecrets:         top.flag("getSecrets", true),
		StateFile:          l.stateFile(top),
		ExitWithWorkerCode: top.flag("exitWithWorkerCode", false),
		ControlSocket:      l.controlSocket(top),
		LogFormat:          l.logging(top),
		CAFile:             l.caFile(top),
	}
	if extra := top.object("worker", false).object("workerkit", false).values; len(extra) > 0 {
		c.WorkerConfig = Merge(c.WorkerConfig, map[string]any{workerkitKey: extra})
	}
	l.policy(top.object("policy", false), &c)
	c.Notices = l.notices(top.object("notices", false), c.Place.Kind)
	l.explain(top, c)
	top.warnUnknown()
	return c
}

func (l *loader) worker(b *block) Worker {
	name := b.text("implementation", required)
	w := Worker{Implementation: Implementation(name)}
	switch w.Implementation {
	case GenericWorker:
		w.ConfigPath = l.configPath(b)
		if b.has("service") {
			l.workerService(b, &w)
		} else {
			w.Path = l.workerPath(b)
		}
	case Dummy, "":
	default:
		b.problem("implementation", "%q is no implementation: use generic-worker or dummy", name)
		for _, key := range []string{"path", "configPath"} { // which docker-worker had as well
			b.text(key, optional)
		}
	}
	b.object("workerkit", false) // see config
	b.text("protocolPipe", optional)
	b.warnUnknown()
	return w
}

func (l *loader) configPath(b *block) string {
	path := b.text("configPath", required)
	if path == "" {
		return ""
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		b.problem("configPath", "the worker's config cannot be written: there is no folder %s", filepath.Dir(path))
	}
	return path
}

func (l *loader) workerPath(b *block) string {
	path := b.text("path", required)
	if path == "" {
		return ""
	}
	found, err := exec.LookPath(path)
	if errors.Is(err, exec.ErrDot) { // found here, where os/exec looks only when it is told to
		found, err = filepath.Abs(found)
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			err = errors.New("there is no such program")
		}
		b.problem("path", "the worker %s cannot be started: %v", path, cause(err))
	} else if err := foreign.Check(found); err != nil { // better now than when the machine has registered
		b.problem("path", "the worker %s cannot be started: %v", path, err)
	}
	return found
}

// cause drops the name of the program that os/exec puts in front, and is in our text already.
func cause(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e.Err
	}
	return err
}
