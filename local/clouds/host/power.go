package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// power is what a machine has asked its power supply for.
type power int

const (
	none power = iota
	off
	reboots
)

// stub is a program that only notes how it was called, in the machine's folder.
const stub = "#!/bin/sh\nprintf '%s\\n' \"${0##*/} $*\" >> \"${0%/*}/../" + powerFile + "\"\n"

// stubPower puts stubs of all programs that switch a computer off where the machine finds them
// before the real ones.
func (l *layout) stubPower() error {
	if err := os.Mkdir(l.path(binFolder), 0o700); err != nil {
		return fmt.Errorf("make its programs: %w", err)
	}
	for _, name := range []string{"shutdown", "reboot", "poweroff", "halt"} {
		if err := os.WriteFile(filepath.Join(l.path(binFolder), name), []byte(stub), 0o700); err != nil { //nolint:gosec // a program
			return fmt.Errorf("make its programs: %w", err)
		}
	}
	return nil
}

// clearPower forgets what the machine asked for before it was switched on.
func (l *layout) clearPower() error {
	if err := os.Remove(l.path(powerFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the last power-off: %w", err)
	}
	return nil
}

// power is what the machine has asked for since it was switched on: the last word counts.
func (l *layout) power() power {
	data, err := os.ReadFile(l.path(powerFile))
	if err != nil {
		return none
	}
	request := none
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) > 0 {
			request = powerOf(words[0], words[1:])
		}
	}
	return request
}

// powerOf reads one call of a program that switches a computer off.
func powerOf(program string, args []string) power {
	has := func(names ...string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(names, a) })
	}
	switch {
	case has("-c", "--cancel", "-k", "--help"):
		return none
	case program == "reboot", has("-r", "--reboot"):
		return reboots
	default:
		return off
	}
}
