package hostfacts

import (
	"errors"
	"net"
	"testing"
	"time"
)

func TestBootTimeIsInThePastAndStays(t *testing.T) {
	a, err := BootTime()
	if err != nil {
		t.Fatal(err)
	}
	b, err := BootTime()
	if err != nil {
		t.Fatal(err)
	}
	if !a.Before(time.Now()) || time.Since(a) > 20*365*24*time.Hour {
		t.Errorf("booted at %v", a)
	}
	if d := b.Sub(a).Abs(); d > time.Second {
		t.Errorf("two answers differ by %v", d)
	}
}

func TestFirstMAC(t *testing.T) {
	real1 := net.HardwareAddr{0x00, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e}
	real2 := net.HardwareAddr{0x00, 0x1a, 0x2b, 0x3c, 0x4d, 0x5f}
	bridge := net.HardwareAddr{0x02, 0x42, 0xac, 0x11, 0x00, 0x02}
	lo := net.Interface{Index: 1, Flags: net.FlagLoopback, HardwareAddr: net.HardwareAddr{0, 0, 0, 0, 0, 0}}
	for name, c := range map[string]struct {
		in   []net.Interface
		want string
	}{
		"the first by index, whatever the order": {[]net.Interface{lo, {Index: 3, HardwareAddr: real2}, {Index: 2, HardwareAddr: real1}}, real1.String()},
		"a real one before a bridge":             {[]net.Interface{lo, {Index: 2, HardwareAddr: bridge}, {Index: 9, HardwareAddr: real2}}, real2.String()},
		"a made-up one when there is no other":   {[]net.Interface{lo, {Index: 2, HardwareAddr: bridge}}, bridge.String()},
		"no address, tunnel, zeros":              {[]net.Interface{{Index: 2}, {Index: 3, HardwareAddr: make(net.HardwareAddr, 20)}, {Index: 4, HardwareAddr: make(net.HardwareAddr, 6)}}, ""},
	} {
		got, ok := firstMAC(c.in)
		if got.String() != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %v %v, want %q", name, got, ok, c.want)
		}
	}
}

func TestPlaceholdersAreNoSerialNumbers(t *testing.T) {
	for _, s := range []string{"", "To Be Filled By O.E.M.", "None", "Default string"} {
		if !placeholder(s) {
			t.Errorf("%q would identify every such machine alike", s)
		}
	}
	if placeholder("CZC12345X7") {
		t.Error("a real number is refused")
	}
}

func TestSMBIOSSerial(t *testing.T) {
	firmware := append([]byte{0, 5, 0, 0, 1}, "Maker Inc.\x00\x00"...)
	machine := func(serial byte) []byte {
		return append([]byte{1, 9, 1, 0, 1, 2, 0, serial, 0}, "Maker\x00Product\x00SN-42\x00\x00"...)
	}
	end := []byte{127, 4, 0, 0, 0, 0}
	for name, c := range map[string]struct {
		table []byte
		want  string
	}{
		"third string":          {append(append(append([]byte{}, firmware...), machine(3)...), end...), "SN-42"},
		"string not given":      {append(machine(0), end...), ""},
		"string out of range":   {append(machine(9), end...), ""},
		"no system structure":   {append(append([]byte{}, firmware...), end...), ""},
		"truncated":             {machine(3)[:12], ""},
		"length beyond the end": {[]byte{1, 200, 0, 0}, ""},
		"empty":                 {nil, ""},
	} {
		got, err := smbiosText(c.table, system, systemSerial)
		if got != c.want || (c.want == "") != errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
	}
	tag := append([]byte{3, 9, 0, 0, 1, 3, 0, 0, 2}, "Microsoft Corporation\x007783-7084-3265-9085-8269-3286-77\x00\x00"...)
	table := append(append(firmware, tag...), end...)
	if got, err := smbiosText(table, chassis, chassisTag); got != "7783-7084-3265-9085-8269-3286-77" || err != nil {
		t.Errorf("the chassis's tag: %q, %v", got, err)
	}
	if got, err := smbiosText(table, bios, biosVendor); got != "Maker Inc." || err != nil {
		t.Errorf("the BIOS's vendor: %q, %v", got, err)
	}
}
