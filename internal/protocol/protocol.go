// Package protocol is what start-worker and the worker say to each other: one JSON object a
// line, after a tilde, over the worker's standard input and output (or two named pipes).
// Any other line is ordinary log text. Each side first lists its capabilities (the runner in
// "welcome", the worker in "hello"); a capability counts when both listed it.
package protocol

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
)

// Capabilities of the protocol.
const (
	ErrorReport         = "error-report"
	GracefulTermination = "graceful-termination"
	Log                 = "log"
	NewCredentials      = "new-credentials"
	Shutdown            = "shutdown"
)

// All returns every capability, sorted.
func All() []string {
	return []string{ErrorReport, GracefulTermination, Log, NewCredentials, Shutdown}
}

// Message is one message; which fields count depends on Type. Unknown fields are ignored.
type Message struct {
	Type         string          `json:"type"`
	Capabilities []string        `json:"capabilities,omitempty"`
	FinishTasks  *bool           `json:"finish-tasks,omitempty"`
	Deadline     *time.Time      `json:"deadline,omitempty"` // ours: when the machine goes; older peers ignore it
	ClientID     string          `json:"client-id,omitempty"`
	AccessToken  string          `json:"access-token,omitempty"`
	Certificate  string          `json:"certificate,omitempty"`
	Body         json.RawMessage `json:"body,omitempty"`
	Kind         string          `json:"kind,omitempty"`
	Title        string          `json:"title,omitempty"`
	Description  string          `json:"description,omitempty"`
	Extra        json.RawMessage `json:"extra,omitempty"`
}

// Credentials makes a new-credentials message. Its text is secret.
func Credentials(clientID string, accessToken, certificate secret.String) Message {
	return Message{Type: NewCredentials, ClientID: clientID, AccessToken: accessToken.Reveal(), Certificate: certificate.Reveal()}
}

// Terminate makes a graceful-termination message; a zero deadline is left out.
func Terminate(finishTasks bool, deadline time.Time) Message {
	m := Message{Type: GracefulTermination, FinishTasks: &finishTasks}
	if !deadline.IsZero() {
		m.Deadline = &deadline
	}
	return m
}

// LogText makes a log message whose body holds text as textPayload.
func LogText(text string) Message {
	body, _ := json.Marshal(map[string]string{"textPayload": text}) // a map of strings always encodes
	return Message{Type: Log, Body: body}
}

// maxLine bounds a message; a longer line is passed on as text, in pieces.
const maxLine = 1 << 20

// Conn is one side of the protocol. Send may be called from any goroutine; Read once.
type Conn struct {
	own []string

	mu   sync.Mutex // guards w
	w    io.Writer
	peer []string // set once, before ready is closed

	ready chan struct{}
	once  sync.Once
}

// New makes a side that writes to w and offers the capabilities own.
func New(w io.Writer, own []string) *Conn {
	return &Conn{own: own, w: w, ready: make(chan struct{})}
}

// Welcome sends the runner's first message.
func (c *Conn) Welcome() error {
	return c.Send(Message{Type: "welcome", Capabilities: slices.Sorted(slices.Values(c.own))})
}

// Send writes one message as one line, in one Write.
func (c *Conn) Send(m Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("protocol: encode %s: %w", m.Type, err)
	}
	line := append(append(make([]byte, 0, len(data)+2), '~'), data...)
	line = append(line, '\n')
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.w.Write(line); err != nil {
		return fmt.Errorf("protocol: send %s: %w", m.Type, err)
	}
	return nil
}

// Ready is closed when the peer's capabilities are known.
func (c *Conn) Ready() <-chan struct{} { return c.ready }

// Agreed tells whether both sides listed the capability; false until Ready.
func (c *Conn) Agreed(capability string) bool {
	select {
	case <-c.ready:
		return slices.Contains(c.own, capability) && slices.Contains(c.peer, capability)
	default:
		return false
	}
}

// Read reads lines from r until it ends. Messages go to handle, every other line (also one
// that looks like a message but does not parse) to text, both from this goroutine. A welcome
// is answered with hello; both it and hello make the connection Ready and are not handed on.
// Read returns nil at the end of r.
func (c *Conn) Read(r io.Reader, handle func(Message), text func(string)) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	piece := false // line is a piece of a line that is too long to be a message
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		more := errors.Is(err, bufio.ErrBufferFull)
		if more && len(line) < maxLine {
			continue
		}
		piece = piece || more
		switch {
		case len(line) == 0:
		case piece:
			text(string(bytes.TrimRight(line, "\r\n")))
		default:
			if e := c.line(bytes.TrimSpace(line), handle, text); e != nil {
				return e
			}
		}
		line, piece = line[:0], more
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !more:
			return fmt.Errorf("protocol: read: %w", err)
		}
	}
}

func (c *Conn) line(line []byte, handle func(Message), text func(string)) error {
	m, ok := parse(line)
	if !ok {
		text(string(line))
		return nil
	}
	switch m.Type {
	case "welcome":
		c.met(m.Capabilities)
		return c.Send(Message{Type: "hello", Capabilities: slices.Sorted(slices.Values(c.own))})
	case "hello":
		c.met(m.Capabilities)
	default:
		handle(m)
	}
	return nil
}

func (c *Conn) met(capabilities []string) {
	c.once.Do(func() {
		c.peer = capabilities
		close(c.ready)
	})
}

func parse(line []byte) (Message, bool) {
	var m Message
	if len(line) < 3 || line[0] != '~' || line[1] != '{' || line[len(line)-1] != '}' {
		return m, false
	}
	if json.Unmarshal(line[1:], &m) != nil || m.Type == "" {
		return m, false
	}
	return m, true
}
