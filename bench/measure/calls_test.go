package measure

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func at(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }

func call(from, to int) Call { return Call{Start: at(from), End: at(to)} }

func TestBetween(t *testing.T) {
	for name, c := range map[string]struct {
		calls []Call
		own   int // ms of 100
		count int
	}{
		"no call":                    {nil, 100, 0},
		"one":                        {[]Call{call(10, 30)}, 80, 1},
		"side by side":               {[]Call{call(10, 30), call(40, 50)}, 70, 2},
		"overlapping count once":     {[]Call{call(10, 30), call(20, 40)}, 70, 2},
		"one inside another":         {[]Call{call(10, 60), call(20, 30), call(50, 70)}, 40, 3},
		"from before":                {[]Call{call(-20, 10)}, 90, 1},
		"until after":                {[]Call{call(90, 120)}, 90, 0},
		"all the time":               {[]Call{call(-1, 101)}, 0, 0},
		"before and after":           {[]Call{call(-20, -10), call(110, 120)}, 100, 0},
		"ended as the time began":    {[]Call{call(-20, 0)}, 100, 0},
		"ended as the time was over": {[]Call{call(95, 100)}, 95, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := Between(at(0), at(100), c.calls)
			want := Span{Wall: 100 * time.Millisecond, Own: time.Duration(c.own) * time.Millisecond, Calls: c.count}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestReadCalls(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls")
	text := `{"service":"queue","method":"status","status":200,"start":"2026-01-01T00:00:02.5Z","end":"2026-01-01T00:00:03Z"}
{"service":"queue","method":"claimWork","status":200,"start":"2026-01-01T00:00:01.000000001Z","end":"2026-01-01T00:00:04Z"}
{"service":"queue","meth`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	calls, err := ReadCalls(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(calls) != 2 || calls[0].Method != "claimWork" || calls[1].End.Sub(calls[1].Start) != 500*time.Millisecond {
		t.Errorf("got %+v", calls)
	}
	if claims := Of(calls, "queue", "claimWork"); len(claims) != 1 || claims[0].Start.Nanosecond() != 1 {
		t.Errorf("claims: %+v", claims)
	}
	if err := os.WriteFile(file, []byte("not JSON\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCalls(file); err == nil {
		t.Error("a broken line was taken")
	}
}
