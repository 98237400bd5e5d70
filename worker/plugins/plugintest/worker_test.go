package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// acts is a plugin that does what a test says.
type acts struct {
	prepare func(ctx context.Context) error
	stopped func(r engines.Result) error
	finish  func() error
	close   func() error
}

func (*acts) Name() string                           { return "acts" }
func (*acts) Payload() payload.Fragment              { return payload.Fragment{} }
func (a *acts) New(*task.Run) (plugins.Hooks, error) { return a, nil }

func (a *acts) Prepare(ctx context.Context) error {
	if a.prepare == nil {
		return nil
	}
	return a.prepare(ctx)
}

func (a *acts) Stopped(_ context.Context, r engines.Result) error {
	if a.stopped == nil {
		return nil
	}
	return a.stopped(r)
}

func (a *acts) Finish(context.Context) error {
	if a.finish == nil {
		return nil
	}
	return a.finish()
}

func (a *acts) Close(context.Context) error {
	if a.close == nil {
		return nil
	}
	return a.close()
}

// TestBadPluginsAreFound: each mistake is noticed in some trouble.
func TestBadPluginsAreFound(t *testing.T) {
	prepared := atomic.Bool{}
	for name, c := range map[string]struct {
		plugin *acts
		want   string
	}{
		"expects a result": {&acts{stopped: func(r engines.Result) error { r.Status(); return nil }}, "in=acts"},
		"fails a good task": {&acts{stopped: func(r engines.Result) error {
			if r != nil && r.Status().Success {
				return errors.New("no")
			}
			return nil
		}}, `resolved "internal-error"`},
		"expects to have been prepared": {&acts{
			prepare: func(context.Context) error { prepared.Store(true); return nil },
			close: func() error {
				if !prepared.Swap(false) {
					return errors.New("not prepared")
				}
				return nil
			},
		}, "clean-up failed"},
		"shows a signed URL": {&acts{close: func() error { return errors.New(Signature) }}, Signature},
	} {
		t.Run(name, func(t *testing.T) {
			queue, found := NewQueue(t), ""
			for _, trouble := range troubles() {
				found += strings.Join(Case{Payload: "{}"}.whole(t, c.plugin, trouble, queue), "\n")
			}
			if !strings.Contains(found, c.want) {
				t.Errorf("not found: %q in %q", c.want, found)
			}
		})
	}
}

// TestMoments: each trouble comes to pass, hooks come in their order, and those that end what was
// begun come once, whatever has happened.
func TestMoments(t *testing.T) {
	queue := NewQueue(t)
	for _, trouble := range troubles() {
		if problems := (Case{Payload: "{}"}).whole(t, &acts{}, trouble, queue); len(problems) > 0 {
			t.Errorf("%s at %q: %q", trouble.how, trouble.at, problems)
		}
		if seen := strings.Join(trouble.seen, " "); !strings.Contains(seen, trouble.at) {
			t.Errorf("%q did not come: %s", trouble.at, seen)
		}
		for _, problem := range disorder(trouble) {
			t.Errorf("%s at %q: %s in %q", trouble.how, trouble.at, problem, trouble.seen)
		}
	}
}

// disorder tells what the life of the neighbours lacks.
func disorder(t *trouble) (problems []string) {
	at := func(moment string) int { return slices.Index(t.seen, moment) }
	for _, pair := range [][2]string{
		{"before.New", "after.New"}, {"before.Build", "after.Build"}, {"before.Started", "after.Started"},
		{"after.Stopped", "before.Stopped"}, {"after.Close", "before.Close"}, {"engine.NewBuilder", "before.Build"},
		{"after.Build", "engine.Start"}, {"before.Stopped", "engine.Dispose"}, {"before.Stopped", "after.Finish"}, {"before.Finish", "after.Close"},
	} {
		if first, second := at(pair[0]), at(pair[1]); first >= 0 && second >= 0 && first > second {
			problems = append(problems, pair[1]+" before "+pair[0])
		}
	}
	for _, name := range []string{"before", "after"} {
		want := 1
		if t.at == name+".New" && (t.how == "fail" || t.how == "panic") {
			want = 0 // it was not made
		}
		for _, hook := range []string{".Stopped", ".Finish", ".Close"} {
			n := 0
			for _, moment := range t.seen {
				if moment == name+hook {
					n++
				}
			}
			if n != want {
				problems = append(problems, fmt.Sprintf("%s%s came %d times", name, hook, n))
			}
		}
	}
	return problems
}

// TestTogether: Prepare and Finish of all plugins run at the same time, as each waits for the
// other one's here.
func TestTogether(t *testing.T) {
	queue := NewQueue(t)
	meet := func(moment string) func(context.Context, string) error {
		arrived := make(chan struct{}, 3)
		return func(_ context.Context, at string) error {
			if !strings.HasSuffix(at, moment) {
				return nil
			}
			arrived <- struct{}{}
			for deadline := time.Now().Add(patience); len(arrived) < 2; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					return errors.New(at + " is alone")
				}
			}
			return nil
		}
	}
	prepare, finish := meet("Prepare"), meet("Finish")
	one := &trouble{at: "before.Finish", how: "fail"}
	plugin := &acts{
		prepare: func(ctx context.Context) error { return prepare(ctx, "acts.Prepare") },
		finish:  func() error { return finish(t.Context(), "acts.Finish") },
	}
	one.also = func(moment string) error {
		return errors.Join(prepare(t.Context(), moment), finish(t.Context(), moment))
	}
	if problems := (Case{Payload: "{}"}).whole(t, plugin, one, queue); len(problems) > 0 {
		t.Error(problems)
	}
}
