// Package commands runs a task's commands as processes of this machine, one after the other
// until one fails: what the engines have in common that need no container. As whom the
// processes run, with what limits, and how the files that they leave are opened is the engine's
// to say.
package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/internal/asuser"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/commands/mounts"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Config says how the commands of one run are executed.
type Config struct {
	Engine string // its name, for errors
	Trees  *proc.Trees
	// Open opens what is in the place of a tree of Trees for commands that run as User; it may be nil.
	Open func(proc.Options) (Tree, error)
	// User is as whom the processes run, and with whose rights their files are opened; nil is as this
	// process.
	User *proc.User
	// Limits are of all processes of the run together.
	Limits proc.Limits
	// Env has entries NAME=value, the commands' environment before anybody adds to it.
	Env []string
	// ProxyPort is where a run's proxy listens in slot 0; that of the next slot is 4 higher. 0 is any
	// free port.
	ProxyPort uint16
	// Window, on Windows, shows the commands' consoles on the desktop, unless the payload does not want that.
	Window bool
	// Join makes the user a member of groups, and returns it as it is then. It may be nil where the
	// processes run as this one.
	Join func(ctx context.Context, groups []string) (proc.User, error)
	// End is called once when the commands and what they started have ended: it ends what else runs as
	// the user. It may be nil.
	End func(ctx context.Context) error
	// Free is called once when nothing of the run is left: it frees what the engine holds for
	// it. It may be nil.
	Free func(ctx context.Context) error
}

// as calls fn with the rights that the task has to files, and no more.
func (c Config) as(fn func() error) error {
	if c.User == nil {
		return fn()
	}
	return asuser.Do(asuser.User(*c.User), fn) //nolint:wrapcheck // fn's own
}

// Payload is the part of the payload that says what to run.
func Payload() payload.Fragment { return commandFragment() }

// NewBuilder begins a run whose payload is valid. Until it succeeds End and Free are the caller's to call.
func NewBuilder(run *task.Run, c Config) (*Builder, error) {
	b := &Builder{config: c, run: run, env: map[string]string{}}
	b.mounts = &mounts.Set{Dir: run.Dir, User: c.User, Hands: hands{b}, Logger: run.Logger}
	b.free = once(c.End, b.mounts.Undo, c.Free)
	for _, entry := range c.Env {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			b.put(name, value)
		}
	}
	var err error
	b.commands, err = decodeCommands(run)
	return b, err
}

// once calls the functions that there are one after another, the first time that it is called.
func once(all ...func(context.Context) error) func(context.Context) error {
	var first sync.Once
	return func(ctx context.Context) (err error) {
		first.Do(func() {
			for _, fn := range all {
				if fn != nil {
					err = errors.Join(err, fn(ctx))
				}
			}
		})
		return err
	}
}

// Builder is the engines.Builder of both engines, with the abilities that both have. It is not one of
// the interfaces of a single engine: that wraps it.
type Builder struct {
	config   Config
	run      *task.Run
	env      map[string]string // entries NAME=value, by what the system takes for the same name
	commands []command
	mounts   *mounts.Set
	proxies  []*proxy
	free     func(context.Context) error // once
}

// Setenv implements engines.Builder.
func (b *Builder) Setenv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
		return task.Malformed("environment variable %q cannot be set: a name has no '=', and neither has a NUL character", name)
	}
	b.put(name, value)
	return nil
}

func (b *Builder) put(name, value string) { b.env[Variable(name)] = name + "=" + value }

// As calls fn with the rights that the commands will have to files, and no more.
func (b *Builder) As(fn func() error) error { return b.config.as(fn) }

// Become has the commands run as this process's user, with the variables as they are.
func (b *Builder) Become() {
	b.mounts.Shared()
	b.config.User = nil
}

// Use has the commands run as the user as it is now, with the rights that it has got.
func (b *Builder) Use(u proc.User) {
	*b.config.User = u // which the mounts see as well
	b.mounts.Shared()
}

// Discard implements engines.Builder.
func (b *Builder) Discard(ctx context.Context) error {
	closeProxies(b.proxies)
	return b.free(ctx)
}

// Start implements engines.Builder.
func (b *Builder) Start(ctx context.Context) (engines.Sandbox, error) {
	tree, err := b.config.open(proc.Options{Dir: b.run.Dir, Mark: "TASK_WORKDIR=" + b.run.Dir, Limits: b.config.Limits})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", b.config.Engine, err), b.Discard(ctx))
	}
	b.put("TASK_WORKDIR", b.run.Dir) // by which the tree knows its processes
	env := slices.Sorted(maps.Values(b.env))
	s := &sandbox{config: b.config, run: b.run, tree: tree, env: env, commands: b.commands, proxies: b.proxies, free: b.free,
		done: make(chan struct{}), aborted: make(chan struct{}), killed: make(chan struct{})}
	for _, p := range b.proxies {
		p.serve(guest{user: b.config.User, tree: tree})
	}
	go s.execute() //nolint:contextcheck // ctx bounds the start alone
	return s, nil
}
