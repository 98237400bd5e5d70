package peer

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
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

func TestOwnConnection(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "100")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait() //nolint:errcheck // it is killed
	defer child.Process.Kill()
	server, _ := pair(t, "tcp4", "127.0.0.1")
	s, err := Of(ends(server))
	if err != nil || s.UID != uint32(os.Geteuid()) {
		t.Fatalf("%+v, %v", s, err)
	}
	if !s.HeldBy([]int{child.Process.Pid, os.Getpid()}) {
		t.Error("this process does not hold its own connection")
	}
	if s.HeldBy([]int{child.Process.Pid}) {
		t.Error("a child holds it, to which it was not passed on")
	}
}

// A socket of IPv6 may be connected by IPv4: Java's always are.
func TestMappedAddress(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Skipf("no IPv6: %v", err)
	}
	defer syscall.Close(fd)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	to := &syscall.SockaddrInet6{Port: listener.Addr().(*net.TCPAddr).Port, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
	if err := syscall.Connect(fd, to); err != nil {
		t.Skipf("no IPv4 by IPv6: %v", err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if s, err := Of(ends(server)); err != nil || !s.HeldBy([]int{os.Getpid()}) {
		t.Errorf("%+v, %v", s, err)
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
