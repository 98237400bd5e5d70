package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// chunk is what one read takes at most.
const chunk = 256 << 10

// raw copies the output of a terminal.
func raw(to io.Writer, from io.Reader) error {
	return pump(from, func(p []byte) (int, error) {
		_, err := to.Write(p)
		return 0, err //nolint:wrapcheck // by the caller
	})
}

// frames are what the engine sends of pipes: the number of the stream, three bytes that are 0, the
// length, and so many bytes.
const (
	frameHeader = 8
	frameLength = 4
	frameFault  = 3 // the stream in which the engine says what went wrong
)

// split copies the output of pipes, both streams to the same place in the order in which they come.
func split(to io.Writer, from io.Reader) error {
	var left uint32 // of the frame
	var stream byte
	var fault []byte
	err := pump(from, func(p []byte) (int, error) {
		for len(p) > 0 {
			if left == 0 {
				if len(p) < frameHeader {
					return len(p), nil
				}
				stream, left = p[0], binary.BigEndian.Uint32(p[frameLength:])
				p = p[frameHeader:]
				continue
			}
			n := min(len(p), int(left))
			part := p[:n]
			p, left = p[n:], left-uint32(n) //nolint:gosec // not above left
			if stream == frameFault {
				fault = append(fault, part...)
			} else if _, err := to.Write(part); err != nil {
				return 0, err //nolint:wrapcheck // by the caller
			}
		}
		return 0, nil
	})
	if len(fault) > 0 {
		err = errors.Join(err, fmt.Errorf("the engine: %s", fault))
	}
	return err
}

// pump reads to the end and passes on what comes; take returns how much of it is to come again with
// more. It reads on when take has failed, so that the command does not get stuck, and returns the
// first error of take: how the stream ended does not matter, the container does.
func pump(from io.Reader, take func(p []byte) (rest int, err error)) error {
	var failed error
	buffer, kept := make([]byte, chunk), 0
	for {
		n, err := from.Read(buffer[kept:])
		if n > 0 && failed == nil {
			all := buffer[:kept+n]
			if kept, failed = take(all); failed != nil {
				kept = 0
			}
			copy(buffer, all[len(all)-kept:])
		}
		if err != nil {
			return failed
		}
	}
}
