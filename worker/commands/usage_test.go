package commands

import (
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
)

func TestLimited(t *testing.T) {
	limits := proc.Limits{Memory: 512 << 20, Processes: 9}
	ok, bad := engines.Status{Success: true}, engines.Status{ExitCode: 137, Reason: "exit status 137"}
	const over = "the task used more than its 512 MiB of memory (workerkit.taskLimits) and " + overMemory
	for name, test := range map[string]struct {
		status  engines.Status
		used    proc.Usage
		success bool
		reason  string
	}{
		"well":                           {ok, proc.Usage{}, true, ""},
		"near the limit":                 {ok, proc.Usage{LimitReached: true}, true, ""},
		"failed by itself":               {bad, proc.Usage{LimitReached: true}, false, "exit status 137"},
		"killed":                         {bad, proc.Usage{LimitReached: true, MemoryKills: 1}, false, over},
		"a child killed":                 {ok, proc.Usage{LimitReached: true, MemoryKills: 1}, false, over},
		"killed by the machine":          {bad, proc.Usage{MemoryKills: 1}, false, "exit status 137; there was no memory left on the machine, and the system killed a process of the task"},
		"a child killed by the machine":  {ok, proc.Usage{MemoryKills: 1}, true, ""},
		"too many processes":             {bad, proc.Usage{Refused: 3}, false, "exit status 137; the task was at its limit of 9 " + limitedKind + " (workerkit.taskLimits)"},
		"too many processes, and helped": {ok, proc.Usage{Refused: 3}, true, ""},
	} {
		got := limited(test.status, limits, test.used)
		if got.Success != test.success || got.Reason != test.reason || got.ExitCode != test.status.ExitCode {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestPeakLine(t *testing.T) {
	for _, test := range []struct {
		limit, used uint64
		want        string
	}{
		{0, 3 << 20, ""}, {1 << 30, 0, ""}, {1 << 30, 3 << 19, "           Peak Task Memory Used: 1.50 MiB\n"},
	} {
		got := peak(proc.Limits{Memory: test.limit}, proc.Usage{PeakMemory: test.used})
		if got != test.want || got != "" && strings.Index(got, ":") != 32 {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
