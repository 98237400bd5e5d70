package retry

// What this system says of a network that is not there.
const (
	Refused     = refused
	Unreachable = unreachable
)

// SleepUntilOn is SleepUntil with another wall clock.
var SleepUntilOn = sleepUntil
