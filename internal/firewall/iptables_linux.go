package firewall

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// iptables keeps the rules in a chain of their own, to which the first rule of OUTPUT leads: one
// before it could let a task through.
type iptables struct{ chain, four, six string }

func (t *iptables) set(ctx context.Context, users []span) error {
	for _, path := range []string{t.four, t.six} {
		if _, err := tool(ctx, t.script(users, path == t.six), path+"-restore", "--wait", "--noflush"); err != nil {
			return err
		}
		first, err := tool(ctx, "", path, "--wait", "-S", "OUTPUT", "1")
		if err != nil {
			return err
		}
		if strings.TrimSpace(first) == "-A OUTPUT -j "+t.chain {
			continue
		}
		if _, err := tool(ctx, "", path, "--wait", "-I", "OUTPUT", "1", "-j", t.chain); err != nil {
			return err
		}
	}
	return nil
}

// script makes the chain anew in one step.
func (t *iptables) script(users []span, ipv6 bool) string {
	var s strings.Builder
	fmt.Fprintf(&s, "*filter\n:%s - [0:0]\n", t.chain)
	for _, d := range destinations() {
		if d.ipv6 != ipv6 {
			continue
		}
		for _, port := range d.ports {
			for _, u := range users {
				fmt.Fprintf(&s, "-A %s -d %s -p tcp -m tcp --dport %s -m owner --uid-owner %s -j REJECT --reject-with tcp-reset\n", t.chain, d.address, port, u)
			}
		}
	}
	s.WriteString("COMMIT\n")
	return s.String()
}

// intact is never certain: nothing tells of changes.
func (t *iptables) intact() bool { return false }

func (t *iptables) remove(ctx context.Context) error {
	var failed error
	for _, path := range []string{t.four, t.six} {
		for { // it may lead there more than once
			_, err := tool(ctx, "", path, "--wait", "-D", "OUTPUT", "-j", t.chain)
			if _, ok := errors.AsType[*exec.ExitError](err); ok {
				break // no more
			}
			if err != nil {
				return err
			}
		}
		_, flush := tool(ctx, "", path, "--wait", "-F", t.chain)
		_, err := tool(ctx, "", path, "--wait", "-X", t.chain)
		failed = errors.Join(failed, flush, err)
	}
	return failed
}
