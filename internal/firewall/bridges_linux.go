package firewall

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os/exec"
	"strings"
)

// findBridges returns the best of the tools that are installed.
func findBridges(owner, prefix string) (bridgeRules, error) {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(owner)) // never fails
	name := fmt.Sprintf("workerkit_b_%08x", sum.Sum32())
	if path := lookup("nft"); path != "" {
		return &nftBridges{nft: nft{path: path, table: "inet " + name}, prefix: prefix}, nil
	}
	four, six := lookup("iptables"), lookup("ip6tables")
	if four == "" || lookup("iptables-restore") == "" || six == "" || lookup("ip6tables-restore") == "" {
		return nil, errNoTool
	}
	return &iptablesBridges{iptables{chain: name, four: four, six: six}, prefix}, nil
}

// nftBridges keeps the rules in a table of their own. What it refuses no other table can allow.
type nftBridges struct {
	nft
	prefix string
}

func (n *nftBridges) set(ctx context.Context) error {
	before, err := generation()
	if err != nil {
		return err
	}
	if _, err := tool(ctx, n.script(), n.path, "-f", "-"); err != nil {
		return err
	}
	after, err := generation()
	n.generation, n.certain = after, err == nil && after == before+1
	return nil
}

// script replaces the table in one step. A service may be this machine's own, as an agent of the
// cloud's has it: input. Whoever goes on through it: forward.
func (n *nftBridges) script() string {
	var s strings.Builder
	fmt.Fprintf(&s, "table %[1]s\ndelete table %[1]s\ntable %[1]s {\n", n.table)
	for _, hook := range []string{"forward", "input"} {
		fmt.Fprintf(&s, "\tchain %[1]s {\n\t\ttype filter hook %[1]s priority filter; policy accept;\n", hook)
		for _, d := range destinations() {
			family := "ip"
			if d.ipv6 {
				family = "ip6"
			}
			fmt.Fprintf(&s, "\t\tiifname %q %s daddr %s tcp dport { %s } counter reject with tcp reset\n", n.prefix+"*", family, d.address, strings.Join(d.ports, ", "))
		}
		s.WriteString("\t}\n")
	}
	s.WriteString("}\n")
	return s.String()
}

// iptablesBridges keeps the rules in a chain of their own, to which the first rules of FORWARD and INPUT lead.
type iptablesBridges struct {
	iptables
	prefix string
}

// hooks are the chains that lead to ours.
func hooks() []string { return []string{"FORWARD", "INPUT"} }

func (t *iptablesBridges) set(ctx context.Context) error {
	for _, path := range []string{t.four, t.six} {
		if _, err := tool(ctx, t.script(path == t.six), path+"-restore", "--wait", "--noflush"); err != nil {
			return err
		}
		for _, hook := range hooks() {
			first, err := tool(ctx, "", path, "--wait", "-S", hook, "1")
			if err != nil && !isExit(err) { // it may have no rule
				return err
			}
			if strings.TrimSpace(first) == "-A "+hook+" -j "+t.chain {
				continue
			}
			if _, err := tool(ctx, "", path, "--wait", "-I", hook, "1", "-j", t.chain); err != nil {
				return err
			}
		}
	}
	return nil
}

// script makes the chain anew in one step.
func (t *iptablesBridges) script(ipv6 bool) string {
	var s strings.Builder
	fmt.Fprintf(&s, "*filter\n:%s - [0:0]\n", t.chain)
	for _, d := range destinations() {
		if d.ipv6 != ipv6 {
			continue
		}
		for _, port := range d.ports {
			fmt.Fprintf(&s, "-A %s -i %s+ -d %s -p tcp -m tcp --dport %s -j REJECT --reject-with tcp-reset\n", t.chain, t.prefix, d.address, port)
		}
	}
	s.WriteString("COMMIT\n")
	return s.String()
}

func (t *iptablesBridges) remove(ctx context.Context) error {
	var failed error
	for _, path := range []string{t.four, t.six} {
		for _, hook := range hooks() {
			for { // it may lead there more than once
				_, err := tool(ctx, "", path, "--wait", "-D", hook, "-j", t.chain)
				if isExit(err) {
					break // no more
				}
				if err != nil {
					return err
				}
			}
		}
		_, flush := tool(ctx, "", path, "--wait", "-F", t.chain)
		_, err := tool(ctx, "", path, "--wait", "-X", t.chain)
		failed = errors.Join(failed, flush, err)
	}
	return failed
}

// isExit tells whether a tool ran and refused.
func isExit(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}
