//go:build unix

package logs_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/runner/logs"
)

// journald is systemd's journal as far as its socket goes.
type journald struct {
	t    *testing.T
	path string
	conn *net.UnixConn
}

func newJournald(t *testing.T) *journald {
	t.Helper()
	dir, err := os.MkdirTemp("", "j") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	j := &journald{t: t, path: filepath.Join(dir, "socket")}
	j.start()
	t.Cleanup(j.stop)
	return j
}

func (j *journald) start() {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: j.path, Net: "unixgram"})
	if err != nil {
		j.t.Fatal(err)
	}
	j.conn = conn
}

func (j *journald) stop() {
	_ = j.conn.Close()
	_ = os.Remove(j.path)
}

// next reads one record, as the journal's protocol says.
func (j *journald) next() map[string]string {
	j.t.Helper()
	data := make([]byte, 1<<20)
	if err := j.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		j.t.Fatal(err)
	}
	n, err := j.conn.Read(data)
	if err != nil {
		j.t.Fatal(err)
	}
	fields := map[string]string{}
	for rest := data[:n]; len(rest) > 0; {
		end := bytes.IndexAny(rest, "=\n")
		name := string(rest[:end])
		if rest[end] == '=' {
			value, after, ok := bytes.Cut(rest[end+1:], []byte("\n"))
			if !ok {
				j.t.Fatalf("the field %s has no end", name)
			}
			fields[name], rest = string(value), after
			continue
		}
		rest = rest[end+1:]
		length := binary.LittleEndian.Uint64(rest)
		fields[name] = string(rest[8 : 8+length])
		if rest[8+length] != '\n' {
			j.t.Fatalf("the field %s has no newline at its end", name)
		}
		rest = rest[8+length+1:]
	}
	return fields
}

func (j *journald) handler(w *bytes.Buffer) *logs.Handler {
	j.t.Helper()
	h, err := logs.New(logs.Journald, w, j.path)
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() {
		if err := h.Close(); err != nil {
			j.t.Error(err)
		}
	})
	return h
}

func TestJournal(t *testing.T) {
	j := newJournald(t)
	var b bytes.Buffer
	h := j.handler(&b)
	log := slog.New(h)
	h.Identify(slog.String("workerPoolId", "p/q"))
	for name, c := range map[string]struct {
		write func()
		want  map[string]string
	}{
		"plain": {func() { log.Info("hello", "exitCode", 7) }, map[string]string{
			"PRIORITY": "6", "SYSLOG_IDENTIFIER": "start-worker", "MESSAGE": "hello; exitCode: 7; workerPoolId: p/q", "WORKER_POOL_ID": "p/q", "EXIT_CODE": "7",
		}},
		"several lines": {func() { log.Error("a\nb=c\n", "trace", "x\ny") }, map[string]string{
			"PRIORITY": "3", "SYSLOG_IDENTIFIER": "start-worker", "MESSAGE": "a\nb=c\n; trace: x\ny; workerPoolId: p/q", "WORKER_POOL_ID": "p/q", "TRACE": "x\ny",
		}},
		"names": {func() { log.Warn("m", "_PID", 1, "message", 2, "a.b-ç", 3, "9", 4, "rootURL", "u") }, map[string]string{
			"PRIORITY": "4", "SYSLOG_IDENTIFIER": "start-worker", "MESSAGE": "m; 9: 4; _PID: 1; a.b-ç: 3; message: 2; rootURL: u; workerPoolId: p/q",
			"WORKER_POOL_ID": "p/q", "PID": "1", "MESSAGE_": "2", "A_B__": "3", "ROOT_URL": "u",
		}},
	} {
		c.write()
		if diff := cmp.Diff(c.want, j.next()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if b.Len() != 0 {
		t.Errorf("written besides: %s", b.String())
	}
}

// TestLargeRecordsAreCut: so that they fit into a datagram.
func TestLargeRecordsAreCut(t *testing.T) {
	j := newJournald(t)
	var b bytes.Buffer
	big := strings.Repeat("é", 1<<20)
	record := slog.NewRecord(time.Now(), slog.LevelInfo, big, 0)
	for i := range 50 {
		record.AddAttrs(slog.String(fmt.Sprintf("key%d", i), big))
	}
	if err := j.handler(&b).Handle(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	got := j.next()
	if len(got["MESSAGE"]) < 30_000 || len(got["MESSAGE"]) > 33_000 || !strings.HasSuffix(got["MESSAGE"], "…") || b.Len() != 0 {
		t.Errorf("a message of %d bytes, %d bytes elsewhere", len(got["MESSAGE"]), b.Len())
	}
}

// TestJournalThatRestarts: nothing is lost while it is away, and it is used again afterwards.
func TestJournalThatRestarts(t *testing.T) {
	j := newJournald(t)
	var b bytes.Buffer
	log := slog.New(j.handler(&b))
	log.Info("one")
	if got := j.next()["MESSAGE"]; got != "one" {
		t.Errorf("%q", got)
	}
	j.stop()
	log.Warn("two", "a", 1)
	if got := b.String(); !strings.HasSuffix(got, " WARNING: two; a: 1\n") {
		t.Errorf("%q", got)
	}
	j.start()
	log.Info("three")
	if got := j.next()["MESSAGE"]; got != "three" {
		t.Errorf("%q", got)
	}
}

func TestNoJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	if _, err := logs.New(logs.Journald, &bytes.Buffer{}, path); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}
