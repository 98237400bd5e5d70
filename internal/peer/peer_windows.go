package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// find asks for the connections by IPv4 and by IPv6, as a socket of the latter may also be connected by
// the former.
func find(here, there netip.AddrPort) (Socket, error) {
	here, there = unmapped(here), unmapped(there)
	for _, t := range []table{
		{family: windows.AF_INET, row: 24, local: 4, localPort: 8, remote: 12, remotePort: 16, pid: 20, address: 4},
		{family: windows.AF_INET6, row: 56, local: 0, localPort: 20, remote: 24, remotePort: 44, pid: 52, address: 16},
	} {
		pid, err := t.search(here, there)
		if err == nil || !errors.Is(err, ErrUnknown) {
			return Socket{holder: uint64(pid)}, err
		}
	}
	return Socket{}, ErrUnknown
}

// table is how the system lists the connections of a family: a number of rows, and the rows, of so many
// bytes, with these parts so far from a row's beginning (MIB_TCPROW_OWNER_PID, MIB_TCP6ROW_OWNER_PID).
type table struct {
	family                                                  uintptr
	row, local, localPort, remote, remotePort, pid, address int
}

// search finds a connection. Its local address is there, where the connection was made.
func (t table) search(here, there netip.AddrPort) (pid uint32, err error) {
	rows, err := t.read()
	if err != nil {
		return 0, err
	}
	for row := range slices.Chunk(rows, t.row) {
		pid := binary.NativeEndian.Uint32(row[t.pid:])
		if pid != 0 && t.end(row, t.local, t.localPort) == there && t.end(row, t.remote, t.remotePort) == here {
			return pid, nil
		}
	}
	return 0, ErrUnknown
}

// end is one end of a row's connection.
func (t table) end(row []byte, address, port int) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(row[address:][:t.address])
	return unmapped(netip.AddrPortFrom(ip, binary.BigEndian.Uint16(row[port:])))
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// read gets the rows. New connections may outgrow the room that there was for the last ones.
// https://learn.microsoft.com/windows/win32/api/iphlpapi/nf-iphlpapi-getextendedtcptable
func (t table) read() ([]byte, error) {
	get := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")
	const connections, unsorted, attempts, head = 4, 0, 10, 4 // TCP_TABLE_OWNER_PID_CONNECTIONS
	size := uint32(4 << 10)
	for range attempts {
		data := make([]byte, size)
		status, _, _ := get.Call(uintptr(unsafe.Pointer(&data[0])), uintptr(unsafe.Pointer(&size)), unsorted, t.family, connections, 0)
		switch err := windows.Errno(status); err { //nolint:errorlint // a number
		case windows.ERROR_SUCCESS:
			count := min(int(binary.NativeEndian.Uint32(data)), (len(data)-head)/t.row)
			return data[head:][:count*t.row], nil
		case windows.ERROR_INSUFFICIENT_BUFFER:
			size += size / 2
		default:
			return nil, fmt.Errorf("peer: list the connections: %w", err)
		}
	}
	return nil, fmt.Errorf("peer: list the connections: %w", windows.ERROR_INSUFFICIENT_BUFFER)
}

func (Socket) owner() (uid uint32, known bool) { return 0, false }

func (s Socket) heldBy(pids []int) bool {
	return slices.ContainsFunc(pids, func(pid int) bool { return uint64(pid) == s.holder }) //nolint:gosec // not negative
}
