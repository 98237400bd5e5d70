//go:build unix

package main

import "testing"

// TestOff: halting is not enough where it leaves the machine on.
func TestOff(t *testing.T) {
	for system, want := range map[string]string{"linux": "-h", "darwin": "-h", "freebsd": "-p"} {
		if got := off(system); got != want {
			t.Errorf("%s: %s, want %s", system, got, want)
		}
	}
}
