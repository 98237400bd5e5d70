package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

func describes(t *testing.T, c Case) {
	engine := c.New(t)
	if name := engine.Name(); name == "" || strings.ToLower(name) != name {
		t.Errorf("name %q", name)
	}
	f := engine.Payload()
	for _, name := range f.Required {
		if _, ok := f.Properties[name]; !ok {
			t.Errorf("%s is required and not described", name)
		}
	}
}

func outputAndFiles(t *testing.T, c Case) {
	for _, text := range []string{"", "one\ntwo\n", "Grüße, 世界 🌍\r\n\x00\x1b[31mred\x1b[0m\n", "no newline at the end"} {
		run := c.begin(t, Act{Print: text, Make: Make{Files: map[string]string{"public/a.txt": text}}})
		result := wait(t, run.start(t))
		if got := run.output(t); got != text && got != text+"\n" {
			t.Errorf("output %q, want %q", got, text)
		}
		if got := readFile(t, result, "public/a.txt"); got != text {
			t.Errorf("file %q, want %q", got, text)
		}
	}
}

func exitCodes(t *testing.T, c Case) {
	for _, code := range []int{0, 1, 42, 255} {
		run := c.begin(t, Act{Print: "x\n", Exit: code})
		s := wait(t, run.start(t)).Status()
		if s.ExitCode != code || s.Success != (code == 0) || s.Aborted || (s.Reason == "") != (code == 0) {
			t.Errorf("exit code %d: %+v", code, s)
		}
		if s.Duration < 0 || s.Duration > patience {
			t.Errorf("duration %s", s.Duration)
		}
	}
}

func waits(t *testing.T, c Case) {
	run := c.begin(t, Act{Sleep: 50 * time.Millisecond, Exit: 3})
	sandbox := run.start(t)
	cause := errors.New("cannot wait")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := sandbox.Wait(ctx); !errors.Is(err, cause) {
		t.Errorf("Wait returned %v, not what ended its context", err)
	}
	first, second := wait(t, sandbox).Status(), wait(t, sandbox).Status()
	if first != second || first.ExitCode != 3 || first.Aborted {
		t.Errorf("first %+v, then %+v", first, second)
	}
	if first.Duration < 50*time.Millisecond {
		t.Errorf("took %s, and slept 50 ms", first.Duration)
	}
}

func kills(t *testing.T, c Case) {
	for _, grace := range []time.Duration{0, 20 * time.Millisecond} {
		run := c.begin(t, Act{Sleep: time.Hour})
		sandbox := run.start(t)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if s := wait(t, sandbox).Status(); !s.Aborted || s.Success || s.ExitCode != engines.ExitAborted || s.Reason == "" {
					t.Errorf("status of what was killed: %+v", s)
				}
			})
		}
		for range 2 {
			wg.Go(func() { kill(t, sandbox, grace) })
		}
		wg.Wait()
	}
}

func killsLate(t *testing.T, c Case) {
	run := c.begin(t, Act{Print: "done\n"})
	sandbox := run.start(t)
	before := wait(t, sandbox).Status()
	kill(t, sandbox, time.Minute)
	kill(t, sandbox, 0)
	if after := wait(t, sandbox).Status(); before != after || !after.Success {
		t.Errorf("status %+v, after a late kill %+v", before, after)
	}
}

func discards(t *testing.T, c Case) {
	run := c.begin(t, Act{Print: "must not be seen\n", Make: Make{Files: map[string]string{"ran": ""}}})
	builder := run.build(t)
	if err := errors.Join(builder.Setenv("NAME", "value"), builder.Discard(t.Context())); err != nil {
		t.Error(err)
	}
	if got := run.output(t); got != "" {
		t.Errorf("a discarded run printed %q", got)
	}
}

// many runs must not get each other's output, files or end.
func many(t *testing.T, c Case) {
	engine := c.New(t)
	const runs = 8
	var wg sync.WaitGroup
	for i := range runs {
		text := fmt.Sprintf("run %d\n", i)
		act := Act{Print: text, Make: Make{Files: map[string]string{"name": text}}, Exit: i}
		if i == runs-1 {
			act.Sleep = time.Hour // and is killed while the others run
		}
		run := c.newRun(t, engine, c.payload(t, act))
		sandbox := run.start(t)
		wg.Go(func() {
			if act.Sleep > 0 {
				kill(t, sandbox, 0)
			}
			result := wait(t, sandbox)
			if s := result.Status(); s.Aborted != (act.Sleep > 0) || !s.Aborted && s.ExitCode != i {
				t.Errorf("run %d: %+v", i, s)
			}
			if act.Sleep > 0 {
				return // may have got nowhere
			}
			if got := readFile(t, result, "name"); got != text {
				t.Errorf("run %d left %q", i, got)
			}
			if got := run.output(t); got != text {
				t.Errorf("run %d printed %q", i, got)
			}
		})
	}
	wg.Wait()
}
