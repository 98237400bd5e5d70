//go:build !linux && !windows

package peer

import "net/netip"

func find(netip.AddrPort, netip.AddrPort) (Socket, error) { return Socket{}, ErrUnsupported }

func (Socket) owner() (uint32, bool) { return 0, false }

func (Socket) heldBy([]int) bool { return false }
