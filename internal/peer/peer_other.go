//go:build !linux

package peer

import "net/netip"

func find(netip.AddrPort, netip.AddrPort) (Socket, error) { return Socket{}, ErrUnsupported }

func (Socket) heldBy([]int) bool { return false }
