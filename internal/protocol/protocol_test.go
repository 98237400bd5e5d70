package protocol_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/secret"
)

// heard is what one side got.
type heard struct {
	Messages []protocol.Message
	Text     []string
}

// read feeds a stream to a new runner side.
func read(t testing.TB, r io.Reader) (*protocol.Conn, heard) {
	t.Helper()
	var h heard
	c := protocol.New(io.Discard, protocol.All())
	err := c.Read(r, func(m protocol.Message) { h.Messages = append(h.Messages, m) }, func(s string) { h.Text = append(h.Text, s) })
	if err != nil {
		t.Fatal(err)
	}
	return c, h
}

func TestNegotiation(t *testing.T) {
	for name, c := range map[string]struct {
		runner, worker []string
		agreed         string
	}{
		"all":       {protocol.All(), protocol.All(), "error-report graceful-termination log new-credentials shutdown"},
		"none":      {protocol.All(), nil, ""},
		"some":      {[]string{"log", "shutdown"}, []string{"log", "new-credentials"}, "log"},
		"a foreign": {protocol.All(), []string{"fly", "log"}, "log"},
	} {
		t.Run(name, func(t *testing.T) {
			toWorker, fromRunner := io.Pipe()
			toRunner, fromWorker := io.Pipe()
			runner, worker := protocol.New(fromRunner, c.runner), protocol.New(fromWorker, c.worker)
			var wg sync.WaitGroup
			none := func(protocol.Message) { t.Error("welcome and hello are not for others") }
			wg.Go(func() { check(t, runner.Read(toRunner, none, func(string) {})) })
			wg.Go(func() { check(t, worker.Read(toWorker, none, func(string) {})) })
			if runner.Agreed("log") {
				t.Error("agreed before hello")
			}
			check(t, runner.Welcome())
			<-runner.Ready()
			<-worker.Ready()
			for _, side := range []*protocol.Conn{runner, worker} {
				var agreed []string
				for _, capability := range append(protocol.All(), "fly") {
					if side.Agreed(capability) {
						agreed = append(agreed, capability)
					}
				}
				if got := strings.Join(agreed, " "); got != c.agreed {
					t.Errorf("agreed on %q, want %q", got, c.agreed)
				}
			}
			check(t, fromRunner.Close())
			check(t, fromWorker.Close())
			wg.Wait()
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestWire(t *testing.T) {
	deadline := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, m := range map[string]protocol.Message{
		`~{"type":"graceful-termination","finish-tasks":false}`:                                          protocol.Terminate(false, time.Time{}),
		`~{"type":"graceful-termination","finish-tasks":true,"deadline":"2026-01-02T03:04:05Z"}`:         protocol.Terminate(true, deadline),
		`~{"type":"new-credentials","client-id":"c","access-token":"t","certificate":"{\"version\":1}"}`: protocol.Credentials("c", secret.New("t"), secret.New(`{"version":1}`)),
		`~{"type":"new-credentials","client-id":"c","access-token":"t"}`:                                 protocol.Credentials("c", secret.New("t"), secret.String{}),
		`~{"type":"log","body":{"textPayload":"a\nb"}}`:                                                  protocol.LogText("a\nb"),
		`~{"type":"shutdown"}`: {Type: protocol.Shutdown},
	} {
		var out strings.Builder
		if err := protocol.New(&out, nil).Send(m); err != nil {
			t.Fatal(err)
		}
		if out.String() != want+"\n" {
			t.Errorf("sent %s, want %s", out.String(), want)
		}
		if _, h := read(t, strings.NewReader(out.String())); len(h.Messages) != 1 || cmp.Diff(m, h.Messages[0]) != "" {
			t.Errorf("read back %+v", h)
		}
	}
}

func TestFraming(t *testing.T) {
	const in = "plain\n" +
		"\n" +
		"  ~{\"type\":\"shutdown\"}\t\r\n" + // white space around a message does not count
		"x~{\"type\":\"shutdown\"}\n" +
		"~{\"type\":\"shutdown\"} x\n" +
		"~{\"type\":\"\"}\n~{\"type\":1}\n~{}\n~{\n~[]\n~\n" +
		"~{\"type\":\"new\",\"more\":[1]}\n" +
		"~{\"type\":\"log\",\"body\":{\"textPayload\":\"x\"}}" // the end without a newline
	want := heard{
		Messages: []protocol.Message{{Type: "shutdown"}, {Type: "new"}, protocol.LogText("x")},
		Text: []string{"plain", "", `x~{"type":"shutdown"}`, `~{"type":"shutdown"} x`,
			`~{"type":""}`, `~{"type":1}`, `~{}`, `~{`, `~[]`, `~`},
	}
	for name, r := range map[string]io.Reader{
		"at once":       strings.NewReader(in),
		"byte by byte":  iotest.OneByteReader(strings.NewReader(in)),
		"half by half":  iotest.HalfReader(strings.NewReader(in)),
		"data with EOF": iotest.DataErrReader(strings.NewReader(in)),
	} {
		if _, got := read(t, r); cmp.Diff(want, got) != "" {
			t.Errorf("%s: %s", name, cmp.Diff(want, got))
		}
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	// A piece of a long line that looks like a message is still text.
	trap := strings.Repeat("y", 1<<20) + `~{"type":"shutdown"}`
	_, h := read(t, strings.NewReader(long+"\n"+trap+"\nshort\n~{\"type\":\"shutdown\"}\n"))
	if got := strings.Join(h.Text, ""); got != long+trap+"short" {
		t.Errorf("%d pieces with %d bytes", len(h.Text), len(got))
	}
	if len(h.Messages) != 1 {
		t.Errorf("messages %+v", h.Messages)
	}
	body := strings.Repeat("z", 900<<10)
	if _, h := read(t, strings.NewReader(`~{"type":"log","body":{"textPayload":"`+body+"\"}}\n")); len(h.Messages) != 1 {
		t.Errorf("a message of 900 KiB was not taken")
	}
}

func TestReadAndSendErrors(t *testing.T) {
	broken := errors.New("broken")
	c := protocol.New(failing{broken}, nil)
	none := func(protocol.Message) {}
	if err := c.Read(iotest.ErrReader(broken), none, func(string) {}); !errors.Is(err, broken) {
		t.Errorf("read: %v", err)
	}
	if err := c.Send(protocol.Message{Type: "shutdown"}); !errors.Is(err, broken) {
		t.Errorf("send: %v", err)
	}
	// A worker that cannot answer a welcome has lost its runner.
	if err := c.Read(strings.NewReader("~{\"type\":\"welcome\"}\n"), none, func(string) {}); !errors.Is(err, broken) {
		t.Errorf("answer: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// lines counts the writes that are not whole lines.
type lines struct {
	mu     sync.Mutex
	writes []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, string(p))
	return len(p), nil
}

func TestConcurrentSendsAreWholeLines(t *testing.T) {
	var out lines
	c := protocol.New(&out, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				check(t, c.Send(protocol.LogText("hello")))
			}
		})
	}
	wg.Wait()
	for _, w := range out.writes {
		if w != "~{\"type\":\"log\",\"body\":{\"textPayload\":\"hello\"}}\n" {
			t.Fatalf("wrote %q", w)
		}
	}
	if len(out.writes) != 400 {
		t.Errorf("%d writes", len(out.writes))
	}
}

// FuzzRead: whatever comes in, Read ends without error, and what it takes for a message can be
// sent and read again unchanged.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "~{\"type\":\"hello\"}\n", "~{\"type\":\"welcome\",\"capabilities\":[\"log\"]}", "x\r\n~{\"type\":\"log\",\"body\":{}}\n",
		"~{\"type\":\"graceful-termination\",\"finish-tasks\":true,\"deadline\":\"2026-01-02T03:04:05Z\"}\n",
		"~{\"type\":\"error-report\",\"extra\":{\"a\":[null]}}\n", "~{\"TYPE\":\"a\"}\n", "~{\"type\":\"\xff\"}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		_, h := read(t, strings.NewReader(string(in)))
		for _, m := range h.Messages {
			var out strings.Builder
			if err := protocol.New(&out, nil).Send(m); err != nil {
				t.Fatalf("%+v: %v", m, err)
			}
			_, again := read(t, strings.NewReader(out.String()))
			if len(again.Messages) != 1 || again.Messages[0].Type != m.Type || strings.Count(out.String(), "\n") != 1 {
				t.Fatalf("%+v came back as %+v", m, again)
			}
		}
	})
}
