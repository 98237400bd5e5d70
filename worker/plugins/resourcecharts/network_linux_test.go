package resourcecharts

import "testing"

func TestParseNetwork(t *testing.T) {
	const header = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
	for name, test := range map[string]struct {
		text string
		want traffic
	}{
		"two cards": {header + "  eth0: 100 2 0 0 0 0 0 0 30 4 0 0 0 0 0 0\nenp1s0:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n", traffic{107, 38}},
		"virtual":   {header + "    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\nveth12: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\ndocker0: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n", traffic{}},
		"cut off":   {header + "  eth0: 100 2 0\n", traffic{}},
		"no number": {header + "  eth0: x 2 0 0 0 0 0 0 30 4 0 0 0 0 0 0\n", traffic{}},
		"empty":     {"", traffic{}},
	} {
		if got := parseNetwork([]byte(test.text)); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := readNetwork(); err != nil {
		t.Error(err)
	}
}
