// Package peer finds out who is at the other end of a connection from this machine: which user, and
// whether it is one of some processes.
package peer

import (
	"errors"
	"net/netip"
)

var (
	// ErrUnsupported means that this system does not tell.
	ErrUnsupported = errors.New("who has made a connection cannot be known on this system")
	// ErrUnknown means that nobody holds the other end: it is another machine's, or closed.
	ErrUnknown = errors.New("nobody on this machine has made this connection")
)

// Socket is the other end of a connection.
type Socket struct {
	uid    uint32
	holder uint64 // its inode on Linux, on Windows the process that has made it
}

// Of finds the socket that is connected from there to here, two addresses of this machine. A socket
// that no process holds any more is not found: the system takes it for root's.
func Of(here, there netip.AddrPort) (Socket, error) { return find(here, there) }

// Owner is the user whose socket it is. Windows does not know users by numbers.
func (s Socket) Owner() (uid uint32, known bool) { return s.owner() }

// HeldBy tells whether one of the processes has the socket open; on Windows, whether it has made it. One
// that cannot be looked into has not.
func (s Socket) HeldBy(pids []int) bool { return s.heldBy(pids) }
