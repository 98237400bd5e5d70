package runner

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

// quiet is a worker that says what the test wants, and ends when it is stopped.
type quiet struct {
	conn  *protocol.Conn
	heard bytes.Buffer
	done  chan struct{}
	once  sync.Once
	grace time.Duration // that Stop was given
}

func newQuiet() *quiet {
	q := &quiet{done: make(chan struct{})}
	q.conn = protocol.New(&q.heard, protocol.All())
	return q
}

func (q *quiet) Conn() *protocol.Conn  { return q.conn }
func (q *quiet) Done() <-chan struct{} { return q.done }
func (q *quiet) Stop(grace time.Duration) {
	q.once.Do(func() { q.grace = grace; close(q.done) })
}

// hello makes the worker say hello, with these capabilities.
func (q *quiet) hello(t *testing.T, capabilities string) {
	t.Helper()
	line := `~{"type":"hello","capabilities":[` + capabilities + `]}` + "\n"
	if err := q.conn.Read(strings.NewReader(line), func(protocol.Message) {}, func(string) {}); err != nil && err != io.EOF { //nolint:errorlint // as it comes
		t.Fatal(err)
	}
}

func token(text string) tc.Credentials {
	return tc.Credentials{ClientID: "w", AccessToken: secret.New(text)}
}

func TestAWorkerThatSaysHelloLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		q := newQuiet()
		tell := newTeller(slog.New(slog.NewTextHandler(&log, nil)), q, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { tell.deliver(ctx) })
		for _, text := range []string{"token-1", "token-2"} {
			tell.credentials(token(text)) // does not wait, or the next renewal would be late
			time.Sleep(time.Hour)
		}
		q.hello(t, `"new-credentials"`)
		synctest.Wait()
		tell.credentials(token("token-3"))
		synctest.Wait()
		cancel()
		wg.Wait()
		if got := q.heard.String(); strings.Contains(got, "token-1") || strings.Count(got, "token-2") != 1 || strings.Count(got, "token-3") != 1 {
			t.Errorf("the worker heard %s", got)
		}
		if n := strings.Count(log.String(), "has not said hello"); n != 1 {
			t.Errorf("warned %d times: %s", n, log.String())
		}
	})
}

func TestTermination(t *testing.T) {
	for name, c := range map[string]struct {
		hello string // capabilities; "-" is no hello
		asked int
		stop  bool
		after time.Duration
	}{
		"knows it":         {`"graceful-termination"`, 1, false, 0},
		"does not know it": {`"log"`, 0, true, 0},
		"no hello":         {"-", 0, true, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQuiet()
				if c.hello != "-" {
					q.hello(t, c.hello)
				}
				tell := newTeller(slog.New(slog.DiscardHandler), q, time.Minute)
				begin := time.Now()
				for range 2 {
					tell.terminate(t.Context(), time.Time{})
				}
				select {
				case <-q.done:
					if !c.stop || q.grace > time.Minute {
						t.Errorf("stopped with %v of grace", q.grace)
					}
				default:
					if c.stop {
						t.Error("it works on")
					}
				}
				if n := strings.Count(q.heard.String(), "graceful-termination"); n != c.asked || time.Since(begin) != c.after {
					t.Errorf("asked %d times, after %v", n, time.Since(begin))
				}
			})
		})
	}
}

func TestAWorkerThatCannotTakeCredentialsIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet()
		q.hello(t, `"log"`)
		tell := newTeller(slog.New(slog.DiscardHandler), q, time.Minute)
		tell.credentials(token("token-1"))
		tell.deliver(t.Context()) // to the worker's end
		if strings.Contains(q.heard.String(), "token-1") || q.grace != time.Minute {
			t.Errorf("heard %s", q.heard.String())
		}
	})
}
