package proxy

import (
	"net"
	"sync"
)

// tunnels is a listener whose connections are those that came by CONNECT.
type tunnels struct {
	address net.Addr
	arrived chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func newTunnels(address net.Addr) *tunnels {
	return &tunnels{address: address, arrived: make(chan net.Conn), closed: make(chan struct{})}
}

// add hands a connection to whoever accepts, and closes it when nobody does any more.
func (t *tunnels) add(c net.Conn) {
	select {
	case t.arrived <- c:
	case <-t.closed:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.arrived:
		return c, nil
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

// Addr implements net.Listener.
func (t *tunnels) Addr() net.Addr { return t.address }
