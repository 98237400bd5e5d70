// Package policy decides what becomes of a machine when its worker has ended, or when it never
// became one. It is a table: it does nothing itself.
package policy

import "time"

// Row is one way in which the work on a machine ends.
type Row string

// The rows of the table.
const (
	// Finished is a worker that has done what it should: exit codes 0, 68 (idle), 70
	// (worker-manager told it to go) and 72 (drained).
	Finished Row = "finished"
	// Reboot is a worker that wants the machine to boot again: 67.
	Reboot Row = "reboot"
	// Broken is what no restart makes better: 64, 73, 75, 77, 78 and 82, a registration that is
	// refused, secrets or files that fail, and a worker that has crashed too often.
	Broken Row = "broken"
	// Crashed is what a restart may make better: 69, a signal, a worker that says no hello in
	// time, and any code without a row of its own.
	Crashed Row = "crashed"
	// Interrupted is a worker that somebody else stopped: 71.
	Interrupted Row = "interrupted"
	// Stopped is a runner that somebody stopped with a signal.
	Stopped Row = "stopped"
	// Lost is a machine that cannot find out what to do: the config is unreadable, or the place
	// unknown.
	Lost Row = "lost"
)

// Rows lists all rows.
func Rows() []Row {
	return []Row{Finished, Reboot, Broken, Crashed, Interrupted, Stopped, Lost}
}

// Of is the row of a worker's exit code; -1 stands for a signal.
func Of(code int) Row {
	switch code {
	case 0, 68, 70, 72:
		return Finished
	case 67:
		return Reboot
	case 64, 73, 75, 77, 78, 82:
		return Broken
	case 71:
		return Interrupted
	default:
		return Crashed
	}
}

// Release is what to do with the machine.
type Release string

// What can be done with a machine.
const (
	Keep      Release = "keep"     // leave it running
	Remove    Release = "remove"   // have worker-manager remove it; when that fails, switch it off
	PowerOff  Release = "powerOff" // switch it off
	BootAgain Release = "reboot"   // boot it again, unless the worker is doing so
)

// Releases lists what can be done.
func Releases() []Release { return []Release{Keep, Remove, PowerOff, BootAgain} }

// Rule is what a row says.
type Rule struct {
	// Restarts is how often the worker is started again within Within, after waits that begin
	// with BackOff and double. After that the row Broken counts.
	Restarts int
	Within   time.Duration
	BackOff  time.Duration
	// Hold keeps the machine until so long after its boot before it is released, so that one bad
	// key does not become a boot loop. 0 is no hold.
	Hold    time.Duration
	Release Release
	Exit    int // the runner's own exit code
}

// Table has a rule for every row.
type Table map[Row]Rule

// Place is what counts of where the machine runs.
type Place struct {
	Ephemeral bool // made by worker-manager for this worker
}

const (
	hold    = 10 * time.Minute
	within  = 10 * time.Minute
	backOff = 5 * time.Second
	times   = 3
)

// Defaults is the table for a place.
//
//	row         | ephemeral                                    | somebody's own machine
//	finished    | remove, exit 0                               | exit 0
//	reboot      | boot again, exit 0                           | the same
//	broken      | hold, remove, exit 1                         | exit 1
//	crashed     | restart, three times in 10 minutes           | the same
//	interrupted | remove, exit 1                               | exit 1
//	stopped     | remove, exit 0                               | exit 0
//	lost        | hold, power off, exit 1                      | exit 1
func Defaults(p Place) Table {
	t := Table{
		Finished:    {Release: Keep},
		Reboot:      {Release: BootAgain},
		Broken:      {Release: Keep, Exit: 1},
		Crashed:     {Release: Keep, Exit: 1, Restarts: times, Within: within, BackOff: backOff},
		Interrupted: {Release: Keep, Exit: 1},
		Stopped:     {Release: Keep},
		Lost:        {Release: Keep, Exit: 1},
	}
	if !p.Ephemeral {
		return t
	}
	for row, rule := range t {
		switch row {
		case Reboot:
			continue
		case Lost:
			rule.Release, rule.Hold = PowerOff, hold
		case Broken:
			rule.Release, rule.Hold = Remove, hold
		default:
			rule.Release = Remove
		}
		t[row] = rule
	}
	return t
}
