//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// stopSignals are the signals that stop the worker and then this program. A terminal that is
// closed sends SIGHUP, which would otherwise end this program at once and leave the worker;
// whoever starts it with nohup wants it to stay.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// drainSignals are the signals that let the worker finish its tasks and end.
func drainSignals() []os.Signal { return []os.Signal{syscall.SIGUSR1} }

// renewSignals are the signals that have what is installed now take over, when the tasks that
// run are finished.
func renewSignals() []os.Signal { return []os.Signal{syscall.SIGUSR2} }
