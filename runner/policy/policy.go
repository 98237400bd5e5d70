// Package policy decides what becomes of a machine when its worker has ended. It is a pure
// table: it does nothing itself.
package policy

// Place is what counts of where the machine runs.
type Place struct {
	Ephemeral bool // made by worker-manager for this worker
	PowerOff  bool // somebody's own machine, whose config allows to switch it off
}

// End is how the work ended.
type End struct {
	Code    int  // the worker's exit code; -1 when a signal ended it
	Asked   bool // the worker asked for a shutdown of the machine
	Stopped bool // somebody stopped the runner with a signal
}

// Release is what to do with the machine.
type Release int

// What can be done with a machine.
const (
	Keep               Release = iota // leave it running
	PowerOff                          // switch it off
	RemoveElsePowerOff                // have worker-manager remove it; when that fails, switch it off
)

// Action is the decision.
type Action struct {
	Release Release
	Exit    int // the runner's own exit code
}

// drained is the worker's exit code after a graceful termination.
const drained = 72

// Decide looks up the table.
//
//	end of the worker            | ephemeral          | somebody's own machine
//	it asked for a shutdown      | RemoveElsePowerOff | PowerOff if its config says so, else Keep
//	0, of its own accord         | RemoveElsePowerOff | Keep
//	anything else                | Keep               | Keep
//
// The runner exits with 0 when the worker did, or when it drained because the runner was told
// to stop, and otherwise with 1.
func Decide(p Place, e End) Action {
	a := Action{Exit: 1}
	if e.Code == 0 || (e.Stopped && e.Code == drained) {
		a.Exit = 0
	}
	switch {
	case e.Stopped: // whoever stopped the runner decides about the machine
	case p.Ephemeral && (e.Asked || e.Code == 0):
		a.Release = RemoveElsePowerOff
	case !p.Ephemeral && e.Asked && p.PowerOff:
		a.Release = PowerOff
	}
	return a
}
