package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"time"
)

// ErrNotRunning means that no start-worker listens on the socket.
var ErrNotRunning = errors.New("no start-worker is running")

// ErrRefused means that the start-worker does not do what it was asked for.
var ErrRefused = errors.New("start-worker refuses")

// Client talks to the start-worker that listens on a socket. It is safe for concurrent use.
type Client struct {
	path string
	http *http.Client
}

// NewClient makes a client of the socket at path. Nothing is opened before the first call.
func NewClient(path string) *Client {
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
	}}}
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	d := net.Dialer{Timeout: 2 * time.Second}
	return d.DialContext(ctx, "unix", path)
}

// Status asks how it is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.call(ctx, http.MethodGet, "/v1/status", nil, &s)
	return s, err
}

// Drain asks for the end of the work: with finishTasks after the tasks that the worker has,
// else at once. Unless asked, the worker could not be asked yet, and is as soon as it can be.
// It fails with ErrRefused when nothing is left that could be asked.
func (c *Client) Drain(ctx context.Context, finishTasks bool) (asked bool, err error) {
	var reply drainReply
	err = c.call(ctx, http.MethodPost, "/v1/drain", drainRequest{finishTasks}, &reply)
	return reply.Asked, err
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://start-worker"+path, body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unanswered(err)
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	const most = 1 << 20
	data, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return fmt.Errorf("read the answer on %s: %w", c.path, err)
	}
	if response.StatusCode/100 != 2 {
		var f failure
		if json.Unmarshal(data, &f) != nil || f.Message == "" {
			f.Message = response.Status
		}
		return fmt.Errorf("%w: %s", ErrRefused, f.Message)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the answer on %s is not understood: %w", c.path, err)
	}
	return nil
}

// unanswered says why there is no answer.
func (c *Client) unanswered(err error) error {
	if dialing, ok := errors.AsType[*net.OpError](err); ok && dialing.Op == "dial" && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: nothing listens on %s", ErrNotRunning, c.path)
	}
	return fmt.Errorf("ask on %s: %w", c.path, err)
}
