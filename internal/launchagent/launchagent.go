// Package launchagent runs commands in the desktop session of a task's user for the worker, which
// is root and outside of it. On macOS only what comes from a session's own processes can use its
// screen, keychain and pasteboard.
//
// The agent runs in the session (Serve) and listens at a socket; the worker asks it (Agent). Each
// command has a connection of its own:
//
//	worker                                 agent
//	1 byte, with the standard input
//	and output as descriptors        ->
//	                                 <-    1 byte
//	Command                          ->
//	                                 <-    Started
//	                                 <-    Result, when the command itself has ended
//	Stop, or the end of the stream   ->
//	                                 <-    the end of the stream, when all that the command started is gone
//
// Messages are JSON behind their length, four bytes with the highest first. The agent obeys one user,
// root; the worker talks to the task's user only. Both ask the system who is at the other end. What
// the agent says is nevertheless only as good as the word of the task, which has the same user and can
// do with the agent what it likes.
package launchagent

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Socket is where an agent listens. It is the public worker's place.
const Socket = "/tmp/launch-agent.sock"

const (
	// mostBytes is how long a message may be: an environment is at most 1 MiB on macOS.
	mostBytes = 4 << 20
	// handshake bounds each step before the command has started.
	handshake = 10 * time.Second
)

// Command says what to start.
type Command struct {
	Path     string   `json:"path"`
	Args     []string `json:"args"` // with the name first
	Dir      string   `json:"dir"`
	Env      []string `json:"env"`
	Terminal bool     `json:"terminal,omitempty"` // the input is a terminal, which becomes the one that controls the command
}

// Started is the answer when the command runs, or cannot.
type Started struct {
	PID   int    `json:"pid,omitempty"`
	Error string `json:"error,omitempty"`
}

// Result is how a command ended.
type Result struct {
	Code   int           `json:"exitCode"` // -1 after a signal
	Signal int           `json:"signal,omitempty"`
	User   time.Duration `json:"userNanos"`
	Kernel time.Duration `json:"kernelNanos"`
	Error  string        `json:"error,omitempty"` // why it is not known
}

// Success tells whether the command succeeded.
func (r Result) Success() bool { return r.Code == 0 && r.Signal == 0 }

// ExitCode is -1 when the command was ended by a signal.
func (r Result) ExitCode() int { return r.Code }

// UserTime is processor time of the command's own.
func (r Result) UserTime() time.Duration { return r.User }

// SystemTime is processor time that the system spent for the command.
func (r Result) SystemTime() time.Duration { return r.Kernel }

// String says how the command ended.
func (r Result) String() string {
	if r.Signal != 0 {
		return "signal: " + strconv.Itoa(r.Signal)
	}
	return "exit status " + strconv.Itoa(r.Code)
}

// Stop is the wish that a command and what it started end. After it the agent answers nothing but the
// end of the stream.
type Stop struct {
	GraceMillis int64 `json:"graceMillis"` // how long they may take to end themselves
}

var errTooLong = errors.New("a message is too long")

func send(w io.Writer, message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if len(body) > mostBytes {
		return errTooLong
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)) //nolint:gosec // compared above
	return err                                                                               //nolint:wrapcheck // by the callers
}

// receive reads a message. Nothing but io.EOF means that the stream ended between two messages.
func receive(r io.Reader, message any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err //nolint:wrapcheck // by the callers
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > mostBytes {
		return errTooLong
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return fmt.Errorf("%w in a message", io.ErrUnexpectedEOF)
	}
	if err := json.Unmarshal(body, message); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}
