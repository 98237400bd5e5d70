package firewall

import (
	"os/exec"
	"strings"
	"testing"
)

// rulesOf lists the rules that a tool knows.
func rulesOf(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), lookup(program), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", program, err, out)
	}
	return string(out)
}

// holds takes rules through their life: they are there once, also when they are set again, come back
// when somebody has removed them, and leave nothing.
func holds(t *testing.T, b *Bridges, list func() string, flush []string) {
	t.Helper()
	before := list()
	want := 0
	for i := range 3 {
		if err := b.Deny(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := strings.Count(list(), "169.254.169.254")
		if i == 0 {
			want = got
		}
		if got == 0 || got != want {
			t.Errorf("rules for the first address: %d, after %d times %d", want, i+1, got)
		}
		if i == 1 {
			rulesOf(t, flush[0], flush[1:]...)
		}
	}
	for range 2 {
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if after := list(); after != before {
		t.Errorf("left:\n%s\nwant\n%s", after, before)
	}
}

func TestBridgesOfNFT(t *testing.T) {
	if !alone(t, "nft") {
		return
	}
	b := NewBridges("a", "wkt")
	holds(t, b, func() string { return rulesOf(t, "nft", "list", "ruleset") }, []string{"nft", "flush", "ruleset"})
}

func TestBridgesOfIPTables(t *testing.T) {
	if !alone(t, "iptables", "ip6tables") {
		return
	}
	b := NewBridges("a", "wkt")
	b.rules = &iptablesBridges{iptables{chain: "workerkit_b_x", four: lookup("iptables"), six: lookup("ip6tables")}, "wkt"}
	list := func() string { return rulesOf(t, "iptables", "-S") + rulesOf(t, "ip6tables", "-S") }
	holds(t, b, list, []string{"iptables", "-F", "FORWARD"})
	if got := b.rules; got != nil {
		t.Errorf("after the end there are %v", got)
	}
}
