package taskrun_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/worker/journal"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// stuckAfter is how long a phase may take in these tests.
const stuckAfter = time.Hour

// plan is what happens around one run.
type plan struct {
	hooks   map[string]act // by hook, such as "a.Prepare"
	events  []event
	reclaim []int         // statuses of reclaimTask; 200 when used up; 0 is no reply
	report  []int         // likewise of reports
	disk    time.Duration // what each write of the journal takes
}

type act struct {
	how  string
	long time.Duration
}

type event struct {
	at   time.Duration
	what string
}

func hookNames() []string {
	names := strings.Fields("engine.NewBuilder engine.Discard engine.Start engine.Wait engine.Kill engine.Dispose")
	for _, p := range []string{"a", "b"} {
		for h := range strings.FieldsSeq("New Prepare Build Started Stopped Finish Close") {
			names = append(names, p+"."+h)
		}
	}
	return names
}

func plans() *rapid.Generator[plan] {
	return rapid.Custom(func(t *rapid.T) plan {
		moment := func(name string) time.Duration {
			return time.Duration(rapid.SampledFrom([]int{0, 1, 30, 59, 60, 61, 1200, 3599, 3600, 3700, 7500}).Draw(t, name)) * time.Second
		}
		p := plan{hooks: map[string]act{}, disk: time.Duration(rapid.IntRange(0, 90).Draw(t, "disk")) * time.Second}
		for range rapid.IntRange(0, 4).Draw(t, "troubles") {
			p.hooks[rapid.SampledFrom(hookNames()).Draw(t, "hook")] = act{
				rapid.SampledFrom([]string{"fail", "panic", "slow", "slow", "deaf", "abort"}).Draw(t, "how"), moment("long"),
			}
		}
		for range rapid.IntRange(0, 2).Draw(t, "events") {
			p.events = append(p.events, event{moment("at"), rapid.SampledFrom([]string{"abort", "leave", "cancel", "give up"}).Draw(t, "what")})
		}
		p.reclaim = rapid.SliceOfN(rapid.SampledFrom([]int{200, 200, 0, 500, 409}), 0, 4).Draw(t, "reclaim")
		p.report = rapid.SliceOfN(rapid.SampledFrom([]int{200, 200, 0, 503, 409, 403}), 0, 3).Draw(t, "report")
		return p
	})
}

// life is what was seen of a run: calls, and between them what happened.
type life struct {
	*bench
	plan    plan
	ended   func(reason string) // tells that the queue has ended the run
	claims  map[string]bool     // the journal
	giveUp  context.CancelFunc
	outcome taskrun.Outcome
	took    time.Duration
	late    []string // what happened after Clean
	mu      sync.Mutex
}

// Put implements taskrun.Journal.
func (l *life) Put(e journal.Entry) error {
	time.Sleep(l.plan.disk)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims[e.TaskID] = true
	l.happened("put " + e.Credentials.ClientID)
	return nil
}

// Remove implements taskrun.Journal.
func (l *life) Remove(id string, _ int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.claims, id)
	l.happened("removed")
	return nil
}

// Add implements taskrun.Watch.
func (l *life) Add(_ string, _ int64, ended func(string)) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = ended
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ended = nil
	}
}

func (l *life) happened(what string) { _ = l.note(context.Background(), what) }

func (l *life) do(a act) func(context.Context) error {
	switch a.how {
	case "fail":
		return func(context.Context) error { l.happened("failed"); return task.Failure("told to") }
	case "panic":
		return func(context.Context) error { l.happened("panicked"); panic("told to") }
	case "deaf":
		return func(context.Context) error { time.Sleep(a.long); return nil }
	case "abort":
		return func(context.Context) error { l.happen("abort"); return nil }
	default: // slow
		return func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(a.long):
				return nil
			}
		}
	}
}

// happen makes an event happen.
func (l *life) happen(what string) {
	switch what {
	case "abort":
		l.runner.Abort(task.Shutdown("going away"))
	case "leave":
		l.runner.Abort(&task.Error{Resolution: task.WorkerShutdown, Err: errors.New("going away"), Deadline: time.Now().Add(time.Minute)})
	case "give up":
		l.giveUp()
	case "cancel":
		l.mu.Lock()
		ended := l.ended
		l.mu.Unlock()
		if ended == nil {
			return
		}
		ended("canceled")
	}
	l.happened(what)
}

// live has a run go through a plan.
func live(t *testing.T, p plan) *life {
	var l *life
	synctest.Test(t, func(t *testing.T) {
		l = &life{plan: p, claims: map[string]bool{}}
		l.bench = newBench(t, `{"runForMs": 60000}`, func(d *taskrun.Deps) { d.StuckAfter, d.Journal, d.Watch = stuckAfter, l, l })
		l.queue.answers, l.queue.reportAnswers = p.reclaim, p.report
		l.queue.reported = func(status int) { l.happened(fmt.Sprintf("reported %d", status)) }
		for hook, a := range p.hooks {
			l.at[hook] = l.do(a)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l.giveUp = cancel
		var timers []*time.Timer
		for _, e := range p.events {
			timers = append(timers, time.AfterFunc(e.at, func() { l.happen(e.what) }))
		}
		begin := time.Now()
		l.outcome = l.runner.Run(ctx)
		l.took = time.Since(begin)
		for _, timer := range timers {
			timer.Stop()
		}
		cleaning, done := context.WithTimeout(context.Background(), 5*time.Minute)
		defer done()
		l.runner.Clean(cleaning)
		synctest.Wait()
		before := len(l.seen())
		time.Sleep(24 * time.Hour)
		l.late = l.seen()[before:]
	})
	return l
}

// deaf tells whether a hook did not obey for so long that it was left behind.
func (l *life) deaf() bool { return strings.Contains(l.log.String(), "does not obey") }

// mayBeDeaf tells whether there is a hook that does not obey; New has no context that could end.
func (l *life) mayBeDeaf() bool {
	for name, a := range l.plan.hooks {
		if a.how == "deaf" || strings.HasSuffix(name, ".New") {
			return true
		}
	}
	return false
}

func (l *life) count(what string) (n int) {
	for _, call := range l.seen() {
		if strings.TrimSuffix(call, "(nothing)") == what {
			n++
		}
	}
	return n
}

// wrong lists what must not be so of any run.
func (l *life) wrong() (all []string) {
	wrong := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, check := range []func(func(string, ...any)){l.wrongReport, l.wrongResolution, l.wrongHooks, l.wrongStart, l.wrongJournal} {
		check(wrong)
	}
	if len(l.late) > 0 && !l.deaf() {
		wrong("after Clean: %q", l.late)
	}
	if l.deaf() && !l.mayBeDeaf() {
		wrong("a hook was left behind that obeys")
	}
	if l.took > 5*stuckAfter {
		wrong("took %v", l.took)
	}
	return all
}

// wrongReport: exactly one report, or none when the run is lost or given up.
func (l *life) wrongReport(wrong func(string, ...any)) {
	accepted := l.count("reported 200")
	attempts := len(l.queue.reports)
	switch {
	case l.outcome.Resolution != "":
		if accepted != 1 || attempts == 0 {
			wrong("resolved %s with %d reports, %d accepted", l.outcome.Resolution, attempts, accepted)
		}
		tell := `exception{"reason":"` + string(l.outcome.Resolution) + `"}`
		if l.outcome.Resolution == task.Completed || l.outcome.Resolution == task.Failed {
			tell = string(l.outcome.Resolution)
		}
		if last := strings.Join(strings.Fields(l.queue.reports[attempts-1]), ""); last != tell {
			wrong("the queue was told %s, not %s", last, tell)
		}
	case accepted > 0:
		wrong("a report was accepted, and the outcome is %+v", l.outcome)
	case attempts > 0 && l.count("reported 409")+l.count("reported 403") == 0 && l.count("give up") == 0:
		wrong("reports %q, but no outcome", l.queue.reports)
	case attempts == 0 && !errors.Is(l.outcome.Err, taskrun.ErrLost) && l.count("give up") == 0:
		wrong("no report, and not lost: %+v", l.outcome)
	}
}

// wrongResolution: it is that of something that happened.
func (l *life) wrongResolution(wrong func(string, ...any)) {
	if l.outcome.Resolution == "" {
		return
	}
	may := map[task.Resolution]bool{
		task.Failed: l.count("failed") > 0, task.InternalError: l.count("panicked") > 0 || strings.Contains(l.log.String(), "a task is stuck") || l.plan.hooks["engine.Dispose"].how != "", // which is bounded by itself
		task.WorkerShutdown: l.count("abort")+l.count("leave") > 0,
	}
	may[task.Completed] = !may[task.InternalError] && !may[task.Failed] && l.count("engine.Start") > 0 || l.onlyLate()
	if !may[l.outcome.Resolution] {
		wrong("resolved %s (%v)", l.outcome.Resolution, l.outcome.Err)
	}
}

// onlyLate tells whether all that went wrong may have done so where it has no effect.
func (l *life) onlyLate() bool {
	return slices.ContainsFunc(hookNames(), func(name string) bool {
		return l.plan.hooks[name].how != "" && (strings.HasSuffix(name, "Close") || name == "engine.Kill" || name == "engine.Discard" || name == "engine.Dispose" && l.plan.hooks[name].how != "fail")
	}) || l.count("abort")+l.count("leave") > 0
}

// wrongHooks: whatever was begun gets its end, once.
func (l *life) wrongHooks(wrong func(string, ...any)) {
	for _, name := range []string{"a", "b"} {
		stopped, finished, closed := l.count(name+".Stopped"), l.count(name+".Finish"), l.count(name+".Close")
		how := l.plan.hooks[name+".New"].how
		made := l.count(name+".New") == 1 && how != "fail" && how != "panic"
		if made && (stopped != 1 || finished != 1 || closed != 1 && !l.deaf()) || !made && stopped+finished+closed > 0 {
			wrong("%s: made %v, %d stopped, %d finished, %d closed", name, made, stopped, finished, closed)
		}
	}
	if lost := slices.Index(l.seen(), "cancel"); lost >= 0 && l.outcome.Resolution == "" && len(l.queue.reports) == 0 {
		for i, what := range l.seen() {
			if upload := strings.Contains(what, "Stopped") || strings.Contains(what, "Finish"); upload && i > lost && l.alive[i] {
				wrong("%s after the run was lost", what)
			}
		}
	}
	how := l.plan.hooks["engine.NewBuilder"].how
	built := l.count("engine.NewBuilder") == 1 && how != "fail" && how != "panic" && how != "slow" // which may have failed
	if ends := l.count("engine.Discard") + l.count("engine.Start") + l.count("engine.Start(too late)"); built && ends != 1 || ends > 1 {
		wrong("%d ends of the builder", ends)
	}
	if n := l.count("engine.Dispose"); n > 1 || n > l.count("engine.Wait") {
		wrong("disposed of %d times", n)
	}
}

// wrongStart: no command starts after an abort, or before the claim is on disk.
func (l *life) wrongStart(wrong func(string, ...any)) {
	all := l.seen()
	start := slices.Index(all, "engine.Start")
	if start < 0 {
		return
	}
	if !slices.Contains(all[:start], "put first") {
		wrong("the commands started before the claim was on disk")
	}
	for _, what := range []string{"abort", "leave", "cancel"} {
		if slices.Contains(all[:start], what) {
			wrong("the commands started after: %s", what)
		}
	}
	if begun := slices.Index(all, "engine.Wait"); begun >= 0 && !l.deaf() && l.count("engine.Dispose") == 0 && l.plan.hooks["engine.Wait"].how == "" && l.plan.hooks["engine.Kill"].how == "" {
		wrong("the result was not disposed of")
	}
}

// wrongJournal: the claim is there until the report was accepted, and no longer.
func (l *life) wrongJournal(wrong func(string, ...any)) {
	all := l.seen()
	over := l.outcome.Resolution != "" || errors.Is(l.outcome.Err, taskrun.ErrLost)
	if left := len(l.claims) > 0; left == over {
		wrong("in the journal: %v; outcome %+v", left, l.outcome)
	}
	removed := slices.Index(all, "removed")
	for i, what := range all {
		if removed >= 0 && i > removed && (strings.HasPrefix(what, "put") || strings.HasPrefix(what, "reported")) {
			wrong("%s after the claim was removed", what)
		}
	}
}

// TestModel sends runs through random troubles, and looks for what must never be so.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := live(t, plans().Draw(rt, "plan"))
		if all := l.wrong(); len(all) > 0 {
			rt.Fatalf("%s\nseen: %q\nlog: %s", strings.Join(all, "\n"), l.seen(), l.log)
		}
	})
}

// next takes the next answer from a list; without any it is 200.
func next(list *[]int) int {
	if len(*list) == 0 {
		return http.StatusOK
	}
	status := (*list)[0]
	*list = (*list)[1:]
	return status
}
