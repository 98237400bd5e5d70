package tc

import (
	"context"
	"io"
	"net"
)

// pieces is how much of a body is read and written at a time.
const pieces = 512 << 10

// conn is a connection that sends a body in large pieces. A connection of package net would have the
// kernel send what is a file; then the receiver alone waits for memory, and between processes of one
// machine that takes a third longer than this (bench/upload). What is encrypted is not concerned.
type conn struct{ net.Conn }

// ReadFrom implements io.ReaderFrom, by which package http sends bodies.
func (c conn) ReadFrom(r io.Reader) (int64, error) {
	size := int64(pieces)
	if limited, ok := r.(*io.LimitedReader); ok {
		size = max(1, min(size, limited.N))
	}
	// Neither side is to find a way of its own.
	return io.CopyBuffer(struct{ io.Writer }{c.Conn}, struct{ io.Reader }{r}, make([]byte, size))
}

// dialing has a dialler's connections send like that.
func dialing(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err //nolint:wrapcheck // says what failed
		}
		return conn{c}, nil
	}
}
