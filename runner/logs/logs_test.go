package logs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/runner/logs"
)

func handler(t *testing.T, form string, w *bytes.Buffer) *logs.Handler {
	t.Helper()
	h, err := logs.New(form, w, "")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// objects are the lines, without their times.
func objects(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(text) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(m["time"])); err != nil || time.Since(at) > time.Minute {
			t.Errorf("time %v", m["time"])
		}
		delete(m, "time")
		all = append(all, m)
	}
	return all
}

func TestJSON(t *testing.T) {
	for name, c := range map[string]struct {
		write func(*slog.Logger)
		want  map[string]any
	}{
		"plain":       {func(l *slog.Logger) { l.Info("hello") }, map[string]any{"level": "INFO", "msg": "hello"}},
		"error":       {func(l *slog.Logger) { l.Error("bad", "error", errors.New("why")) }, map[string]any{"level": "ERROR", "msg": "bad", "error": "why"}},
		"values":      {func(l *slog.Logger) { l.Warn("m", "d", 90*time.Second, "n", 3, "x", []int{1}) }, map[string]any{"level": "WARN", "msg": "m", "d": "1m30s", "n": 3.0, "x": []any{1.0}}},
		"number":      {func(l *slog.Logger) { l.Info("m", "n", json.Number("7")) }, map[string]any{"level": "INFO", "msg": "m", "n": 7.0}},
		"secret":      {func(l *slog.Logger) { l.Info("m", "s", secret.New("hunter2")) }, map[string]any{"level": "INFO", "msg": "m", "s": "[redacted]"}},
		"groups":      {func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).Info("m", slog.Group("h", "c", 3)) }, map[string]any{"level": "INFO", "msg": "m", "a": 1.0, "g.b": 2.0, "g.h.c": 3.0}},
		"the later":   {func(l *slog.Logger) { l.With("a", 1).Info("m", "a", 2) }, map[string]any{"level": "INFO", "msg": "m", "a": 2.0}},
		"own members": {func(l *slog.Logger) { l.Info("m", "level", "x", "msg", "y", "time", "z") }, map[string]any{"level": "INFO", "msg": "m", "level_": "x", "msg_": "y", "time_": "z"}},
	} {
		var b bytes.Buffer
		c.write(slog.New(handler(t, logs.JSON, &b)))
		if diff := cmp.Diff([]map[string]any{c.want}, objects(t, b.String())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestIdentity: it reaches loggers that were handed out before it was known.
func TestIdentity(t *testing.T) {
	var b bytes.Buffer
	h := handler(t, logs.JSON, &b)
	early := slog.New(h).With("part", "launch").WithGroup("g")
	early.Info("before")
	h.Identify(slog.String("workerId", "w"), slog.String("workerPoolId", "p/q"))
	early.Info("after")
	slog.New(h).Info("its own", "workerId", "other")
	h.Identify(slog.String("workerId", "w2"))
	early.Info("again")
	want := []map[string]any{
		{"level": "INFO", "msg": "before", "part": "launch"},
		{"level": "INFO", "msg": "after", "part": "launch", "workerId": "w", "workerPoolId": "p/q"},
		{"level": "INFO", "msg": "its own", "workerId": "other", "workerPoolId": "p/q"},
		{"level": "INFO", "msg": "again", "part": "launch", "workerId": "w2"},
	}
	if diff := cmp.Diff(want, objects(t, b.String())); diff != "" {
		t.Error(diff)
	}
}

// TestText: it stays the public form, byte for byte.
func TestText(t *testing.T) {
	var b bytes.Buffer
	h := handler(t, logs.Text, &b)
	h.Identify(slog.String("workerId", "w"))
	r := slog.NewRecord(time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), slog.LevelWarn, "careful", 0)
	r.AddAttrs(slog.Int("b", 2), slog.String("a", "x"))
	if err := h.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	slog.New(h).Debug("not seen")
	if got := b.String(); got != "2026/01/02 03:04:05 WARNING: careful; a: x; b: 2\n" {
		t.Errorf("%q", got)
	}
}

func TestUnknownForm(t *testing.T) {
	if _, err := logs.New("xml", &bytes.Buffer{}, ""); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Error(err)
	}
}

func TestRing(t *testing.T) {
	var b bytes.Buffer
	ring := logs.Keep(handler(t, logs.JSON, &b), 3)
	log := slog.New(ring).With("part", "p").WithGroup("g")
	if got := ring.Lines(); len(got) != 0 {
		t.Errorf("at first %q", got)
	}
	for i := range 5 {
		log.Info("m", "i", i)
	}
	log.Debug("not seen")
	if err := ring.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelError, strings.Repeat("é", 10_000), 0)); err != nil {
		t.Fatal(err)
	}
	lines := ring.Lines()
	if len(lines) != 3 || !strings.HasSuffix(lines[0], " m; g.i: 3; part: p") || !strings.HasSuffix(lines[1], " m; g.i: 4; part: p") ||
		!strings.Contains(lines[2], " ERROR: éé") || len(lines[2]) > 4200 {
		t.Errorf("%.200q", lines)
	}
	if got := objects(t, b.String()); len(got) != 6 || got[0]["g.i"] != 0.0 || got[0]["part"] != "p" {
		t.Errorf("passed on: %v", got)
	}
	lines[0] = "changed"
	if ring.Lines()[0] == "changed" {
		t.Error("the caller can change the lines")
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	var b bytes.Buffer
	h := handler(t, logs.JSON, &b)
	ring := logs.Keep(h, 10)
	log := slog.New(ring).With("a", 1)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 50 {
				log.With("b", i).LogAttrs(context.Background(), slog.LevelInfo, "m", slog.Int("c", i))
				h.Identify(slog.Int("d", i))
				_ = ring.Lines()
			}
		})
	}
	wg.Wait()
	if n := len(objects(t, b.String())); n != 200 {
		t.Errorf("%d lines", n)
	}
}
