package firewall

import (
	"fmt"
	"testing"
)

func TestUnion(t *testing.T) {
	got := union(map[uint32][]span{
		3: {{200, 300}, {3, 3}},
		1: {{100, 199}, {1, 1}},
		2: {{250, 400}, {2, 2}, {260, 270}},
		4: {{4000000000, 4294967294}, {4, 4}},
	})
	if want := "[1 2 3 4 100-199 200-400 4000000000-4294967294]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
