package peer

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestOwnConnection(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "100")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait() //nolint:errcheck // it is killed
	defer child.Process.Kill()
	server, _ := pair(t, "tcp4", "127.0.0.1")
	s, err := Of(ends(server))
	if uid, known := s.Owner(); err != nil || !known || uid != uint32(os.Geteuid()) {
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
