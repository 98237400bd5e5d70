package service

import (
	"fmt"
	"strings"
)

// State is what a service does at the moment. The numbers are Windows' own.
type State uint32

// The states of a service.
const (
	Stopped      State = 1
	StartPending State = 2
	StopPending  State = 3
	Running      State = 4
)

// String is the state's name.
func (s State) String() string {
	switch s {
	case Stopped:
		return "stopped"
	case StartPending:
		return "starting"
	case StopPending:
		return "stopping"
	case Running:
		return "running"
	default:
		return fmt.Sprintf("in state %d", uint32(s))
	}
}

// errSpecific is the Windows error that says that a service has an exit code of its own
// (ERROR_SERVICE_SPECIFIC_ERROR).
const errSpecific = 1066

// Status is how a service is, or how it has ended.
type Status struct {
	State    State
	PID      int    // 0 when it has no process
	Win32    uint32 // when it has ended: a Windows error
	Specific uint32 // its own exit code, when Win32 says that there is one
}

// Code is the exit code of a service that has ended; -1 when it ended without one, as after a
// crash.
func (s Status) Code() int {
	switch s.Win32 {
	case 0:
		return 0
	case errSpecific:
		return int(int32(s.Specific)) //nolint:gosec // exit codes are unsigned on Windows and signed here
	default:
		return -1
	}
}

// Ended says how a service has ended.
func (s Status) Ended() string {
	if code := s.Code(); code >= 0 {
		return fmt.Sprintf("exit status %d", code)
	}
	return fmt.Sprintf("Windows error %d", s.Win32)
}

// Value is the value of a flag in a command line, "" when it is not there; name has its dashes.
func Value(args []string, name string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value
		}
		if arg == name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}
