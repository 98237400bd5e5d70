package interactive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/workerkit/workerkit/worker/engines"
)

const (
	pingEvery = 30 * time.Second
	// patience is for how long nothing may come from a browser, or go to it.
	patience = 90 * time.Second
	// goodbye is how long a browser gets to take what is left and to say that it has gone.
	goodbye = time.Second
	// longest is the longest message that is taken.
	longest = 1 << 20
)

// What a message to the worker is.
const (
	input = 1
	size  = 2
)

// session is one connection and its shell.
type session struct {
	conn   *websocket.Conn
	shell  engines.Shell
	logger *slog.Logger
}

var errLeft = errors.New("the browser has gone")

// ended says that a shell came to its end by itself.
type ended struct{ code int }

func (e ended) Error() string {
	if e.code < 0 { // it was killed, most likely with the task
		return "The shell was ended"
	}
	return fmt.Sprintf("The shell has ended with exit code %d", e.code)
}

// run copies in both directions until the shell ends, the browser goes, or ctx ends.
func (c *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	left := make(chan struct{})
	wg.Go(func() {
		defer close(left)
		cancel(c.receive())
	})
	wg.Go(func() { cancel(c.send(ctx)) })
	wg.Go(func() { cancel(c.keepAlive(ctx)) })
	<-ctx.Done()
	c.leave(context.Cause(ctx), left)
	wg.Wait()
}

// leave says why it is over and ends both sides. What was sent before is waited for, but not for long.
func (c *session) leave(cause error, left <-chan struct{}) {
	if err := c.shell.Close(); err != nil {
		c.logger.Warn("interactive: a shell has not ended cleanly", "error", err)
	}
	deadline := time.Now().Add(goodbye) // from now: on a busy machine the end of a shell takes its time
	switch end, own := errors.AsType[ended](cause); {
	case own:
		bye(c.conn, websocket.CloseNormalClosure, end.Error(), deadline)
	case !errors.Is(cause, errLeft):
		bye(c.conn, websocket.CloseGoingAway, "The task has ended", deadline)
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-left:
	case <-timer.C:
	}
	_ = c.conn.Close() // nothing more is said or heard
}

// bye begins to close a connection; a browser that takes nothing does not hear of it.
func bye(conn *websocket.Conn, code int, reason string, deadline time.Time) {
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), deadline)
}

// receive gives the shell what the browser sends, until the connection ends.
func (c *session) receive() error {
	c.conn.SetReadLimit(longest)
	alive := func(string) error { return c.conn.SetReadDeadline(time.Now().Add(patience)) }
	c.conn.SetPongHandler(alive)
	for {
		if alive("") != nil {
			return errLeft
		}
		kind, message, err := c.conn.ReadMessage()
		if err != nil {
			return errLeft
		}
		if kind == websocket.BinaryMessage && len(message) > 0 {
			c.obey(message[0], message[1:])
		}
	}
}

// obey does what a message says. A shell that has ended takes nothing, which its output tells.
func (c *session) obey(what byte, data []byte) {
	switch {
	case what == input:
		_, _ = c.shell.Write(data)
	case what == size && len(data) == 4:
		rows, columns := binary.LittleEndian.Uint16(data), binary.LittleEndian.Uint16(data[2:])
		_ = c.shell.Resize(columns, rows)
	}
}

// send gives the browser what the shell writes, as fast as it takes it, until the shell has ended.
func (c *session) send(ctx context.Context) error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := c.shell.Read(buffer)
		if n > 0 {
			if err := c.write(buffer[:n]); err != nil {
				return errLeft
			}
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			c.logger.DebugContext(ctx, "interactive: a shell's output has ended", "error", err)
		}
		code, err := c.shell.Wait(ctx)
		if err != nil {
			return err //nolint:wrapcheck // a cause of ctx, or to the same effect
		}
		return ended{code}
	}
}

func (c *session) write(data []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err //nolint:wrapcheck // only that there is one matters
	}
	return c.conn.WriteMessage(websocket.BinaryMessage, data) //nolint:wrapcheck // likewise
}

// keepAlive keeps connections open that something on the way would close, and finds out which are dead,
// also while nobody listens to the browser as the shell takes no input.
func (c *session) keepAlive(ctx context.Context) error {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			err := c.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(goodbye))
			late, ok := errors.AsType[net.Error](err)
			if busy := ok && late.Timeout(); err != nil && !busy {
				return errLeft
			}
		case <-ctx.Done():
			return context.Cause(ctx) //nolint:wrapcheck // as it is
		}
	}
}
