package service

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// records is an event log.
type records []string

func (r *records) note(kind string, id uint32, text string) error {
	*r = append(*r, fmt.Sprintf("%s %d %s", kind, id, text))
	return nil
}

func (r *records) Info(id uint32, text string) error    { return r.note("info", id, text) }
func (r *records) Warning(id uint32, text string) error { return r.note("warning", id, text) }
func (r *records) Error(id uint32, text string) error   { return r.note("error", id, text) }

func TestEvents(t *testing.T) {
	var r records
	log := slog.New(&events{log: &r}).With("workerId", "w")
	log.Info("nobody needs to know")
	log.Warn("the disk fills", "free", 12, "panic", "HIDDEN", "stack", "HIDDEN")
	log.WithGroup("g").Error("the end\x00", "error", "\xff"+strings.Repeat("ü", maxEvent))
	if len(r) != 2 || r[0] != "warning 3 the disk fills\r\nworkerId: w\r\nfree: 12" || !strings.HasPrefix(r[1], "error 4 the end \r\nworkerId: w\r\nerror: ?ü") {
		t.Fatalf("%.200q", r)
	}
	if n := len(r[1]); n > maxEvent+20 || !utf8.ValidString(r[1]) {
		t.Errorf("%d bytes", n)
	}
}

func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x-service.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := openLogFile(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := fmt.Fprintf(l, "%02d %s\n", i, strings.Repeat("x", 46)); err != nil {
			t.Fatal(err)
		}
	}
	l.close()
	all := ""
	for i := logsKept; i >= 0; i-- {
		name := l.old(i)
		if i == 0 {
			name = path
		}
		data, err := os.ReadFile(name)
		if err != nil || len(data) > 100 {
			t.Fatalf("%s: %d bytes, %v", name, len(data), err)
		}
		all += string(data)
	}
	if n := strings.Count(all, "\n"); n < 6 || n > 12 || !strings.HasSuffix(all, "19 "+strings.Repeat("x", 46)+"\n") {
		t.Errorf("%d lines are left: %s", n, all)
	}
	if _, err := os.Stat(l.old(logsKept + 1)); err == nil {
		t.Error("too many files")
	}
	if got := crashName("x-service.log"); got != "x-service-crash.log" {
		t.Error(got)
	}
}

// TestOutputReachesTheLog, also what other programs with it write.
func TestOutputReachesTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	l, err := openLogFile(path, logSize)
	if err != nil {
		t.Fatal(err)
	}
	out, closeLog, err := l.output()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(out, "one")
	fmt.Fprintln(out, "two")
	closeLog()
	if data, err := os.ReadFile(path); err != nil || string(data) != "one\ntwo\n" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := openLogFile(filepath.Join(path, "nothing"), logSize); err == nil {
		t.Error("a log where there can be none")
	}
}

// TestLogAfterAFullDisk: what could not be written is lost, and the log goes on.
func TestLogAfterAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x.log")
	l, err := openLogFile(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	out, closeLog, err := l.output()
	if err != nil {
		t.Fatal(err)
	}
	defer closeLog()
	say := func(text string, there func() bool) {
		fmt.Fprint(out, text)
		for end := time.Now().Add(10 * time.Second); !there(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%q is not written", text)
			}
		}
	}
	size := func(want int64) func() bool {
		return func() bool {
			info, err := os.Stat(path)
			return err == nil && info.Size() == want
		}
	}
	say("0123456789", size(10))
	if err := os.RemoveAll(dir); err != nil {
		t.Skip("a file that is open cannot be removed here: ", err)
	}
	fmt.Fprint(out, "lost")
	time.Sleep(50 * time.Millisecond) // or it comes with the next words; the test then tests less
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	say("found", func() bool { return size(5)() || size(9)() })
}

// TestLogIsItsOwners, also when an older program has left it to others.
func TestLogIsItsOwners(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there a mode says nothing")
	}
	path := filepath.Join(t.TempDir(), "x.log")
	if err := os.WriteFile(path, nil, 0o644); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	l, err := openLogFile(path, logSize)
	if err != nil {
		t.Fatal(err)
	}
	l.close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || info.Size() > 0 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestLogThatCannotBeMoved grows on.
func TestLogThatCannotBeMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	l, err := openLogFile(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(l.old(1), "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := logsKept; i > 1; i-- {
		if err := os.MkdirAll(filepath.Join(l.old(i), "in the way"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, err := l.Write([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || len(data) != 30 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	l.close()
}

// TestElsewhere: where there are no such services, that is what everybody hears.
func TestElsewhere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are services here")
	}
	_, err := Run("x.log", nil)
	if !errors.Is(err, ErrUnsupported) || Under() {
		t.Errorf("%v, under %v", err, Under())
	}
	if _, err := Open(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v", err)
	}
}
