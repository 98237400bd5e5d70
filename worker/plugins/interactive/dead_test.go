package interactive

import (
	"bufio"
	"context"
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

// TestBrowserThatHasGoneWhileTheShellTakesNothing: its shell is ended long before the task is.
func TestBrowserThatHasGoneWhileTheShellTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			both := bufio.NewReadWriter(bufio.NewReader(ours), bufio.NewWriter(ours))
			request, err := http.ReadRequest(both.Reader)
			if err != nil {
				t.Error(err)
				return
			}
			s := &server{sheller: full{make(chan struct{})}, logger: slog.New(slog.DiscardHandler)}
			s.shell(t.Context(), hijacked{conn: ours, both: both}, request)
		}()
		dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return theirs, nil }}
		conn, reply, err := dialer.DialContext(t.Context(), "ws://worker/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = reply.Body.Close()
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
