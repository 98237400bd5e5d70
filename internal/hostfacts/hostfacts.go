// Package hostfacts asks the operating system about the machine: when it booted, what its
// firmware says it is, and what identifies it. Nothing here uses the network.
package hostfacts

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// ErrUnknown means that the machine does not tell, for example because a virtual machine's
// firmware has no serial number.
var ErrUnknown = errors.New("the machine does not tell")

// Firmware are the strings by which a machine's maker, or a cloud, names it. Fields that the
// machine does not tell are empty.
type Firmware struct {
	BIOSVendor  string // "Amazon EC2", "Google", "American Megatrends Inc."
	BIOSVersion string // "4.11.amazon" on EC2's older machines
	Vendor      string // of the system: "Amazon EC2", "Google", "Microsoft Corporation"
	Product     string // "Google Compute Engine", "Virtual Machine"
	AssetTag    string // of the chassis
}

// BootTime is when the system booted, to the second.
func BootTime() (time.Time, error) {
	up, err := uptime()
	if err != nil {
		return time.Time{}, fmt.Errorf("host facts: boot time: %w", err)
	}
	return time.Now().Add(-up).Truncate(time.Second), nil
}

// Serial is the serial number of the machine, with spaces around it removed. Reading it may
// need root.
func Serial() (string, error) {
	s, err := serial()
	if err != nil {
		return "", fmt.Errorf("host facts: serial number: %w", err)
	}
	s = strings.TrimSpace(s)
	if placeholder(s) {
		return "", fmt.Errorf("host facts: serial number: %w (it says %q)", ErrUnknown, s)
	}
	return s, nil
}

// placeholder tells whether s is one of the texts that makers leave where no number was set.
// As an identifier it would be the same on every machine of the kind.
func placeholder(s string) bool {
	known := []string{"", "0", "none", "not specified", "default string", "system serial number", "to be filled by o.e.m.", "not applicable", "n/a"}
	return slices.Contains(known, strings.ToLower(s))
}

// MAC is the address of the machine's first real network interface, as 00-1a-2b-3c-4d-5e.
func MAC() (string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("host facts: network interfaces: %w", err)
	}
	address, ok := firstMAC(all)
	if !ok {
		return "", fmt.Errorf("host facts: MAC address: %w: no network interface has one", ErrUnknown)
	}
	return strings.ReplaceAll(address.String(), ":", "-"), nil
}

// firstMAC prefers addresses given by a maker to those made up by software (bridges, virtual
// interfaces, containers), and among them the interface that the system found first.
func firstMAC(all []net.Interface) (net.HardwareAddr, bool) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b net.Interface) int { return a.Index - b.Index })
	var made net.HardwareAddr
	for _, i := range all {
		zero := bytes.Count(i.HardwareAddr, []byte{0}) == len(i.HardwareAddr)
		if i.Flags&net.FlagLoopback != 0 || len(i.HardwareAddr) != 6 || zero {
			continue
		}
		const local = 2 // the bit of addresses that no maker gave
		if i.HardwareAddr[0]&local == 0 {
			return i.HardwareAddr, true
		}
		if made == nil {
			made = i.HardwareAddr
		}
	}
	return made, made != nil
}
