package policy_test

import (
	"testing"

	"github.com/workerkit/workerkit/runner/policy"
)

func TestDecide(t *testing.T) {
	cloud, lab, labOff := policy.Place{Ephemeral: true}, policy.Place{}, policy.Place{PowerOff: true}
	for _, c := range []struct {
		name string
		p    policy.Place
		e    policy.End
		want policy.Action
	}{
		{"cloud, done", cloud, policy.End{}, policy.Action{Release: policy.RemoveElsePowerOff}},
		{"cloud, asked and idle", cloud, policy.End{Code: 68, Asked: true}, policy.Action{Release: policy.RemoveElsePowerOff, Exit: 1}},
		{"cloud, crashed", cloud, policy.End{Code: 69}, policy.Action{Exit: 1}},
		{"cloud, killed", cloud, policy.End{Code: -1}, policy.Action{Exit: 1}},
		{"cloud, runner stopped", cloud, policy.End{Code: 72, Stopped: true}, policy.Action{}},
		{"cloud, runner stopped, asked", cloud, policy.End{Code: 0, Asked: true, Stopped: true}, policy.Action{}},
		{"cloud, drained for a notice", cloud, policy.End{Code: 72}, policy.Action{Exit: 1}},
		{"lab, done", lab, policy.End{}, policy.Action{}},
		{"lab, asked", lab, policy.End{Asked: true}, policy.Action{}},
		{"lab, crashed", lab, policy.End{Code: 69, Asked: true}, policy.Action{Exit: 1}},
		{"lab that may go off, done", labOff, policy.End{}, policy.Action{}},
		{"lab that may go off, asked", labOff, policy.End{Code: 68, Asked: true}, policy.Action{Release: policy.PowerOff, Exit: 1}},
		{"lab that may go off, asked while stopping", labOff, policy.End{Code: 72, Asked: true, Stopped: true}, policy.Action{}},
		{"stopped but killed", lab, policy.End{Code: -1, Stopped: true}, policy.Action{Exit: 1}},
	} {
		if got := policy.Decide(c.p, c.e); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestSomebodysMachineStaysOn: whatever happens, a machine whose config does not allow it is
// neither switched off nor removed.
func TestSomebodysMachineStaysOn(t *testing.T) {
	for code := -1; code < 256; code++ {
		for _, asked := range []bool{false, true} {
			for _, stopped := range []bool{false, true} {
				if a := policy.Decide(policy.Place{}, policy.End{Code: code, Asked: asked, Stopped: stopped}); a.Release != policy.Keep {
					t.Fatalf("code %d, asked %v, stopped %v: %+v", code, asked, stopped, a)
				}
			}
		}
	}
}
