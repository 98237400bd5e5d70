package interactive

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/workerkit/workerkit/worker/engines"
)

// full is a shell that takes no input and says nothing.
type full struct{ closed chan struct{} }

func (f full) Shell(context.Context, []string, bool) (engines.Shell, error) { return f, nil }

func (f full) Read([]byte) (int, error) { <-f.closed; return 0, net.ErrClosed }

func (f full) Write([]byte) (int, error) { <-f.closed; return 0, net.ErrClosed }

func (full) Resize(uint16, uint16) error { return nil }

func (full) Wait(context.Context) (int, error) { return 0, nil }

func (f full) Close() error { close(f.closed); return nil }

// hijacked is a reply to a request that came over a connection.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
	both *bufio.ReadWriter
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.both, nil }

// slow is a shell that has ended with code 5, and whose processes take longer than that.
type slow struct{ full }

func (s slow) Shell(context.Context, []string, bool) (engines.Shell, error) { return s, nil }

func (slow) Read([]byte) (int, error) { return 0, io.EOF }

func (slow) Wait(context.Context) (int, error) { return 5, nil }

func (slow) Close() error { time.Sleep(10 * goodbye); return nil }

// opened is a browser's connection to a shell; ended is closed when the server has done with it.
func opened(t *testing.T, sheller engines.Sheller) (conn *websocket.Conn, theirs net.Conn, ended <-chan struct{}) {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		both := bufio.NewReadWriter(bufio.NewReader(ours), bufio.NewWriter(ours))
		request, err := http.ReadRequest(both.Reader)
		if err != nil {
			t.Error(err)
			return
		}
		s := &server{sheller: sheller, logger: slog.New(slog.DiscardHandler)}
		s.shell(t.Context(), hijacked{conn: ours, both: both}, request)
	}()
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return theirs, nil }}
	conn, reply, err := dialer.DialContext(t.Context(), "ws://worker/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = reply.Body.Close()
	return conn, theirs, done
}

// TestShellThatTakesLongToEnd: the browser hears of its exit code all the same.
func TestShellThatTakesLongToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _, ended := opened(t, slow{})
		_, _, err := conn.ReadMessage()
		if farewell, ok := errors.AsType[*websocket.CloseError](err); !ok || farewell.Text != "The shell has ended with exit code 5" {
			t.Error(err)
		}
		_ = conn.Close()
		<-ended
	})
}

// TestBrowserThatHasGoneWhileTheShellTakesNothing: its shell is ended long before the task is.
func TestBrowserThatHasGoneWhileTheShellTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, theirs, ended := opened(t, full{make(chan struct{})})
		if err := conn.WriteMessage(websocket.BinaryMessage, []byte("\x01much")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = theirs.Close()
		select {
		case <-ended:
		case <-time.After(time.Hour):
			t.Error("the shell is still there")
		}
	})
}
