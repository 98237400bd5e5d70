package plugintest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// trouble is what happens to a run at one moment of its life.
type trouble struct {
	at  string // a hook of the plugin before or after this one, or a stage of the engine; "" is never
	how string // fail, panic, abort or give up

	abort  func(error) // of the run
	giveUp func()
	also   func(moment string) error // is called at each moment; nil is none

	mu   sync.Mutex
	seen []string
}

// troubles are all there are, with none first.
func troubles() []*trouble {
	all := []*trouble{{}}
	for _, at := range moments() {
		for _, how := range []string{"fail", "panic", "abort", "give up"} {
			all = append(all, &trouble{at: at, how: how})
		}
	}
	return all
}

// moments are those of a run's life, as package plugins draws it.
func moments() (all []string) {
	for _, hook := range []string{"New", "Prepare", "Build", "Started", "Stopped", "Finish", "Close"} {
		all = append(all, "before."+hook, "after."+hook)
	}
	return append(all, "engine.NewBuilder", "engine.Start", "engine.Wait", "engine.Dispose")
}

// late tells whether it comes when the commands have ended.
func (t *trouble) late() bool {
	return slices.Contains([]string{"Stopped", "Finish", "Close", "Dispose"}, t.at[strings.Index(t.at, ".")+1:])
}

// closing tells whether it comes when the run has been resolved.
func (t *trouble) closing() bool { return strings.HasSuffix(t.at, ".Close") }

// want is how the run is to end; "" is without a report.
func (t *trouble) want() task.Resolution {
	switch {
	case t.at == "", t.closing(), t.how == "abort" && t.late():
		return task.Completed
	case t.how == "panic", t.how == "fail" && t.at == "engine.Dispose": // what it says is no matter of the task's author
		return task.InternalError
	case t.how == "fail":
		return task.ResourceUnavailable
	case t.how == "abort":
		return task.WorkerShutdown
	default:
		return ""
	}
}

// note is called at each moment.
func (t *trouble) note(_ context.Context, moment string) error {
	t.mu.Lock()
	first := !slices.Contains(t.seen, moment)
	t.seen = append(t.seen, moment)
	t.mu.Unlock()
	if t.also != nil {
		if err := t.also(moment); err != nil {
			return err
		}
	}
	if moment != t.at || !first {
		return nil
	}
	switch t.how {
	case "fail":
		return task.Unavailable("told to fail")
	case "panic":
		panic("told to")
	case "abort":
		t.abort(task.Shutdown("going away"))
	default:
		t.giveUp()
	}
	return nil
}

// neighbour is a plugin beside the one that is tested, with every hook.
type neighbour struct {
	*trouble
	name string
}

func (n neighbour) Name() string            { return n.name }
func (neighbour) Payload() payload.Fragment { return payload.Fragment{} }
func (n neighbour) New(*task.Run) (plugins.Hooks, error) {
	return n, n.say(context.Background(), "New")
}
func (n neighbour) Prepare(ctx context.Context) error { return n.say(ctx, "Prepare") }
func (n neighbour) Finish(ctx context.Context) error  { return n.say(ctx, "Finish") }
func (n neighbour) Close(ctx context.Context) error   { return n.say(ctx, "Close") }
func (n neighbour) say(ctx context.Context, hook string) error {
	return n.note(ctx, n.name+"."+hook)
}

func (n neighbour) Build(ctx context.Context, _ engines.Builder) error {
	return n.say(ctx, "Build")
}

func (n neighbour) Started(ctx context.Context, _ engines.Sandbox) error {
	return n.say(ctx, "Started")
}

func (n neighbour) Stopped(ctx context.Context, _ engines.Result) error {
	return n.say(ctx, "Stopped")
}
