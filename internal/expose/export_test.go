package expose

import "net"

// Addresses shows where an exposer would listen.
func Addresses(l Local) (bind, host net.IP) { return l.addresses() }
