package resourcemonitor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

const gib = 1 << 30

func config() Config {
	return Config{MaxUsedPercent: 90, MinAvailable: 1 * gib, Allowed: 5 * time.Second}
}

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Case{
		New:     func(*testing.T, *plugintest.Store) plugins.Plugin { return New(config()) },
		Payload: `{"features": {"resourceMonitor": true}}`,
	})
}

// monitor runs a task for a time during which the memory is what read says, and returns its log
// without prefixes and the cause with which it was aborted.
func monitor(t *testing.T, c Config, lasts time.Duration, read func(since time.Duration) (memory, error)) (log string, cause error) {
	t.Helper()
	run := plugintest.NewRun(t, `{}`) // on by default
	ctx, abort := context.WithCancelCause(context.Background())
	run.Abort = abort
	dir, written := t.TempDir(), ""
	synctest.Test(t, func(t *testing.T) {
		var err error
		if run.Log, err = tasklog.New(dir, time.Now); err != nil { // of this bubble's time
			t.Fatal(err)
		}
		begin := time.Now()
		p := &Plugin{config: c, read: func() (memory, error) { return read(time.Since(begin)) }}
		made, err := p.New(run.Run)
		if err != nil {
			t.Fatal(err)
		}
		h := made.(*hooks)
		if err := h.Started(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lasts)
		synctest.Wait()
		for _, end := range []error{h.Stopped(t.Context(), nil), h.Close(t.Context()), h.Close(t.Context())} {
			if end != nil {
				t.Error(end)
			}
		}
		time.Sleep(time.Minute) // nothing is sampled any more
		written = run.TaskLog(t)
		if err := run.Log.Remove(); err != nil {
			t.Error(err)
		}
	})
	var text strings.Builder
	for line := range strings.Lines(written) {
		_, rest, _ := strings.Cut(line, "] ")
		text.WriteString(rest)
	}
	return text.String(), context.Cause(ctx)
}

func TestLines(t *testing.T) {
	rising := func(since time.Duration) (memory, error) {
		used := uint64(since / interval) // GiB: one more with each sample
		return memory{total: 24 * gib, available: (24 - used) * gib}, nil
	}
	for _, test := range []struct {
		lasts time.Duration
		want  string
	}{
		{499 * time.Millisecond, ""},
		{2100 * time.Millisecond, "" +
			" Average Available System Memory: 21.50 GiB\n" +
			"      Average System Memory Used: 2.50 GiB\n" +
			"         Peak System Memory Used: 4.00 GiB\n" +
			"             Total System Memory: 24.00 GiB\n"},
	} {
		log, cause := monitor(t, config(), test.lasts, rising)
		if log != test.want || cause != nil {
			t.Errorf("after %s: %v, log\n%s\nwant\n%s", test.lasts, cause, log, test.want)
		}
	}
}

func TestUnknownMemory(t *testing.T) {
	reads := 0
	log, cause := monitor(t, config(), time.Minute, func(time.Duration) (memory, error) {
		reads++
		return memory{}, errors.New("not known on this system")
	})
	if cause != nil || log != "" || reads != 1 {
		t.Errorf("cause %v, log %q, %d reads; want one read and nothing", cause, log, reads)
	}
}

func TestGuard(t *testing.T) {
	always := func(time.Duration) bool { return true }
	for name, test := range map[string]struct {
		config func(*Config)
		high   memory
		when   func(time.Duration) bool
		abort  bool
	}{
		"too much":           {func(*Config) {}, memory{20 * gib, gib / 2}, always, true},
		"no more":            {func(*Config) {}, memory{20 * gib, 0}, always, true},
		"few left of little": {func(*Config) {}, memory{2 * gib, gib / 2}, always, false}, // 75 %
		"much left of much":  {func(*Config) {}, memory{200 * gib, 2 * gib}, always, false},
		"unguarded":          {func(c *Config) { c.Unguarded = true }, memory{20 * gib, 0}, always, false},
		"for a short time":   {func(*Config) {}, memory{20 * gib, 0}, func(d time.Duration) bool { return d < 5500*time.Millisecond }, false},
		"now and then":       {func(*Config) {}, memory{20 * gib, 0}, func(d time.Duration) bool { return d%(4*time.Second) != 0 }, false},
		"none allowed":       {func(c *Config) { c.Allowed = 0 }, memory{20 * gib, 0}, func(d time.Duration) bool { return d < 1100*time.Millisecond }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := config()
			test.config(&c)
			_, cause := monitor(t, c, 20*time.Second, func(since time.Duration) (memory, error) {
				if test.when(since) {
					return test.high, nil
				}
				return memory{20 * gib, 10 * gib}, nil
			})
			if (cause != nil) != test.abort {
				t.Fatalf("aborted with %v, want an abort: %v", cause, test.abort)
			}
			if test.abort && (task.Resolve(cause) != task.Failed || !strings.Contains(cause.Error(), "90%")) {
				t.Errorf("aborted with %v, want a failed task and the reason", cause)
			}
		})
	}
}

func TestSwitches(t *testing.T) {
	for _, test := range []struct {
		disabled  bool
		payload   string
		on        bool
		malformed bool
	}{
		{false, `{}`, true, false},
		{false, ``, true, false},
		{false, `{"features": {"resourceMonitor": true}}`, true, false},
		{false, `{"features": {"resourceMonitor": false}}`, false, false},
		{true, `{}`, false, false},
		{true, `{"features": {"resourceMonitor": false}}`, false, false},
		{true, `{"features": {"resourceMonitor": true}}`, false, true},
	} {
		h, err := New(Config{Disabled: test.disabled}).New(plugintest.NewRun(t, test.payload).Run)
		if (h != nil) != test.on || (task.Resolve(err) == task.MalformedPayload) != test.malformed || (err != nil) != test.malformed {
			t.Errorf("%+v: %v, %v", test, h, err)
		}
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[uint64]string{
		0: "0.00 B", 1023: "1023.00 B", 1024: "1.00 KiB", 500 << 20: "500.00 MiB", 3 << 29: "1.50 GiB", 5 << 40: "5.00 TiB", 1 << 60: "1048576.00 TiB",
	} {
		if got := size(bytes); got != want {
			t.Errorf("%d bytes: %q, want %q", bytes, got, want)
		}
	}
}
