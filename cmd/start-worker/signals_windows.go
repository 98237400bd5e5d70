package main

import (
	"os"
	"syscall"
)

// stopSignals are the signals that stop the worker and then this program. SIGTERM is what Go
// calls the end of the session or of the system.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// drainSignals: there are none; "start-worker drain" does the same.
func drainSignals() []os.Signal { return nil }

// renewSignals: there are none.
func renewSignals() []os.Signal { return nil }
