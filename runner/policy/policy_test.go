package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/runner/policy"
)

func TestOf(t *testing.T) {
	for row, codes := range map[policy.Row][]int{
		policy.Finished:    {0, 68, 70, 72},
		policy.Reboot:      {67},
		policy.Broken:      {64, 73, 75, 77, 78, 82},
		policy.Interrupted: {71},
		policy.Crashed:     {69, -1, 1, 2, 3, 65, 66, 74, 76, 79, 137, 255},
	} {
		for _, code := range codes {
			if got := policy.Of(code); got != row {
				t.Errorf("%d is %s, want %s", code, got, row)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	const ten = 10 * time.Minute
	crash := policy.Rule{Restarts: 3, Within: ten, BackOff: 5 * time.Second, Exit: 1}
	removedCrash := crash
	removedCrash.Release = policy.Remove
	crash.Release = policy.Keep
	want := map[bool]policy.Table{
		true: {
			policy.Finished:    {Release: policy.Remove},
			policy.Reboot:      {Release: policy.BootAgain},
			policy.Broken:      {Release: policy.Remove, Hold: ten, Exit: 1},
			policy.Crashed:     removedCrash,
			policy.Interrupted: {Release: policy.Remove, Exit: 1},
			policy.Stopped:     {Release: policy.Remove},
			policy.Lost:        {Release: policy.PowerOff, Hold: ten, Exit: 1},
		},
		false: {
			policy.Finished:    {Release: policy.Keep},
			policy.Reboot:      {Release: policy.BootAgain},
			policy.Broken:      {Release: policy.Keep, Exit: 1},
			policy.Crashed:     crash,
			policy.Interrupted: {Release: policy.Keep, Exit: 1},
			policy.Stopped:     {Release: policy.Keep},
			policy.Lost:        {Release: policy.Keep, Exit: 1},
		},
	}
	for ephemeral, table := range want {
		if diff := cmp.Diff(table, policy.Defaults(policy.Place{Ephemeral: ephemeral})); diff != "" {
			t.Errorf("ephemeral %v: %s", ephemeral, diff)
		}
	}
}

// TestNoRowIsForgotten: on a machine that worker-manager made, no row leaves it running; on
// somebody's own, none takes it away.
func TestNoRowIsForgotten(t *testing.T) {
	for _, ephemeral := range []bool{true, false} {
		table := policy.Defaults(policy.Place{Ephemeral: ephemeral})
		for _, row := range policy.Rows() {
			rule, there := table[row]
			if !there || !slices.Contains(policy.Releases(), rule.Release) {
				t.Errorf("%s: %+v", row, rule)
			}
			if row != policy.Reboot && (rule.Release == policy.Keep) == ephemeral {
				t.Errorf("ephemeral %v, %s: %s", ephemeral, row, rule.Release)
			}
		}
		if len(table) != len(policy.Rows()) {
			t.Errorf("%d rules for %d rows", len(table), len(policy.Rows()))
		}
	}
}
