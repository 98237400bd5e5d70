package firewall

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// nft keeps the rules in a table of their own. What it refuses no other table can allow.
type nft struct {
	path, table string

	generation uint32 // of the system's rules, after set
	certain    bool   // whether the generation is that of set
}

func (n *nft) set(ctx context.Context, users []span) error {
	before, err := generation()
	if err != nil {
		return err
	}
	if _, err := tool(ctx, n.script(users), n.path, "-f", "-"); err != nil {
		return err
	}
	// With somebody else's change in between there may be something of ours missing already.
	after, err := generation()
	n.generation, n.certain = after, err == nil && after == before+1
	return nil
}

// script replaces the table in one step.
func (n *nft) script(users []span) string {
	var s strings.Builder
	fmt.Fprintf(&s, "table %[1]s\ndelete table %[1]s\ntable %[1]s {\n", n.table)
	s.WriteString("\tset tasks {\n\t\ttype uid\n\t\tflags interval\n")
	if len(users) > 0 {
		list := make([]string, len(users))
		for i, u := range users {
			list[i] = u.String()
		}
		fmt.Fprintf(&s, "\t\telements = { %s }\n", strings.Join(list, ", "))
	}
	s.WriteString("\t}\n\tchain output {\n\t\ttype filter hook output priority filter; policy accept;\n")
	for _, d := range destinations() {
		family := "ip"
		if d.ipv6 {
			family = "ip6"
		}
		fmt.Fprintf(&s, "\t\t%s daddr %s tcp dport { %s } meta skuid @tasks counter reject with tcp reset\n", family, d.address, strings.Join(d.ports, ", "))
	}
	s.WriteString("\t}\n}\n")
	return s.String()
}

func (n *nft) intact() bool {
	now, err := generation()
	return n.certain && err == nil && now == n.generation
}

func (n *nft) remove(ctx context.Context) error {
	_, err := tool(ctx, fmt.Sprintf("table %[1]s\ndelete table %[1]s\n", n.table), n.path, "-f", "-")
	return err
}

// errGeneration means that the kernel does not speak as expected.
var errGeneration = errors.New("nf_tables: no generation in the kernel's reply")

// generation is a number that the kernel raises with every change of any rule of nf_tables.
func generation() (uint32, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, fmt.Errorf("nf_tables: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return 0, fmt.Errorf("nf_tables: %w", err)
	}
	const header = unix.NLMSG_HDRLEN + 4 // and that of nf_tables
	request := make([]byte, header)
	binary.NativeEndian.PutUint32(request, header)
	binary.NativeEndian.PutUint16(request[4:], unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, fmt.Errorf("nf_tables: %w", err)
	}
	reply := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, reply, 0)
	if err != nil {
		return 0, fmt.Errorf("nf_tables: %w", err)
	}
	return parseGeneration(reply[:n])
}

// parseGeneration reads the attribute that comes first after the headers.
func parseGeneration(reply []byte) (uint32, error) {
	const header, attribute, id = unix.NLMSG_HDRLEN + 4, 4, 1
	if len(reply) < header+attribute+4 ||
		binary.NativeEndian.Uint16(reply[4:]) != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN ||
		binary.NativeEndian.Uint16(reply[header+2:]) != id {
		return 0, errGeneration
	}
	return binary.BigEndian.Uint32(reply[header+attribute:]), nil
}
