package resourcemonitor

import "testing"

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want memory
		ok   bool
	}{
		"usual":        {"MemTotal:       24680204 kB\nMemFree:  1 kB\nMemAvailable:   12340102 kB\nBuffers: 2 kB\n", memory{24680204 << 10, 12340102 << 10}, true},
		"old kernel":   {"MemTotal: 1 kB\nMemFree: 1 kB\n", memory{}, false},
		"empty":        {"", memory{}, false},
		"not a number": {"MemTotal: x kB\nMemAvailable: 1 kB\n", memory{}, false},
		"no memory":    {"MemTotal: 0 kB\nMemAvailable: 0 kB\n", memory{}, false},
	} {
		if got, err := parse([]byte(test.text)); got != test.want || (err == nil) != test.ok {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestThisMachine(t *testing.T) {
	m, err := readMemory()
	if err != nil {
		t.Fatal(err)
	}
	if m.total < 1<<20 || m.available > m.total || m.usedPercent() <= 0 {
		t.Errorf("%+v, used %f %%", m, m.usedPercent())
	}
}
