//go:build linux || windows

package peer

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// pair is a connection of this process with itself.
func pair(t *testing.T, network, dial string) (server, client net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	client, err = net.Dial(network, net.JoinHostPort(dial, port))
	if err != nil {
		t.Skipf("dial %s: %v", dial, err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

func ends(c net.Conn) (here, there netip.AddrPort) {
	return c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort()
}

// TestAmongOthers: of many connections the one is found, and who else might have made it has not.
func TestAmongOthers(t *testing.T) {
	for range 100 {
		pair(t, "tcp4", "127.0.0.1")
	}
	server, client := pair(t, "tcp4", "127.0.0.1")
	s, err := Of(ends(server))
	if err != nil || !s.HeldBy([]int{os.Getpid()}) || s.HeldBy([]int{os.Getpid() + 1<<20}) || s.HeldBy(nil) {
		t.Errorf("%+v, %v", s, err)
	}
	here, there := ends(client)
	if _, err := Of(here, netip.AddrPortFrom(there.Addr(), there.Port()^1)); !errors.Is(err, ErrUnknown) {
		t.Errorf("a connection that there is not: %v", err)
	}
}

// The system says that a socket which nobody holds is root's, as when it was closed at once.
func TestClosedConnectionIsNobodys(t *testing.T) {
	server, client := pair(t, "tcp4", "127.0.0.1")
	here, there := ends(server)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := Of(here, there)
		if errors.Is(err, ErrUnknown) {
			return
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("a closed connection is somebody's: %v", err)
		}
	}
}
