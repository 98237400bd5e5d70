package peer

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// find looks through the connections by IPv4 and by IPv6, as a socket of the latter may also be
// connected by the former.
func find(here, there netip.AddrPort) (Socket, error) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		s, err := search(table, here, there)
		if err == nil || !errors.Is(err, ErrUnknown) {
			return s, err
		}
	}
	return Socket{}, ErrUnknown
}

// search finds a connection in one of the system's tables.
func search(table string, here, there netip.AddrPort) (Socket, error) {
	file, err := os.Open(table)
	if errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
		return Socket{}, ErrUnknown
	}
	if err != nil {
		return Socket{}, fmt.Errorf("peer: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if s, ok := match(lines.Text(), here, there); ok {
			return s, nil
		}
	}
	if err := lines.Err(); err != nil {
		return Socket{}, fmt.Errorf("peer: read %s: %w", table, err)
	}
	return Socket{}, ErrUnknown
}

// match reads one line of a table. Its local address is there, where the connection was made.
func match(line string, here, there netip.AddrPort) (Socket, bool) {
	const fieldLocal, fieldRemote, fieldUID, fieldInode = 1, 2, 7, 9
	fields := strings.Fields(line)
	if len(fields) <= fieldInode || !is(fields[fieldLocal], there) || !is(fields[fieldRemote], here) {
		return Socket{}, false
	}
	uid, noUID := strconv.ParseUint(fields[fieldUID], 10, 32)
	inode, noInode := strconv.ParseUint(fields[fieldInode], 10, 64)
	return Socket{uid: uint32(uid), holder: inode}, noUID == nil && noInode == nil && inode != 0
}

// is tells whether an address of a table, words in this machine's order of bytes, is the one.
func is(text string, want netip.AddrPort) bool {
	address, port, _ := strings.Cut(text, ":")
	if n, err := strconv.ParseUint(port, 16, 16); err != nil || uint16(n) != want.Port() {
		return false
	}
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw)%4 != 0 {
		return false
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	got, ok := netip.AddrFromSlice(raw)
	return ok && got.Unmap() == want.Addr().Unmap()
}

func (s Socket) owner() (uid uint32, known bool) { return s.uid, true }

func (s Socket) heldBy(pids []int) bool {
	want := "socket:[" + strconv.FormatUint(s.holder, 10) + "]"
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid) + "/fd"
		folder, err := os.Open(dir)
		if err != nil {
			continue // it has ended, or is another user's
		}
		names, _ := folder.Readdirnames(-1)
		_ = folder.Close()
		for _, name := range names {
			if link, err := os.Readlink(dir + "/" + name); err == nil && link == want {
				return true
			}
		}
	}
	return false
}
