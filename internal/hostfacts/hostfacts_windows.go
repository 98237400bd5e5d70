package hostfacts

import (
	"fmt"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

func uptime() (time.Duration, error) { return windows.DurationSinceBoot(), nil }

// serial reads the SMBIOS tables: the registry does not have the number.
func serial() (string, error) {
	table, err := smbios()
	if err != nil {
		return "", err
	}
	return smbiosText(table, system, systemSerial)
}

// smbios is the table of the firmware's structures.
func smbios() ([]byte, error) {
	get := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemFirmwareTable")
	if err := get.Find(); err != nil {
		return nil, err
	}
	const rsmb = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
	size, _, err := get.Call(rsmb, 0, 0, 0)
	if size == 0 {
		return nil, fmt.Errorf("GetSystemFirmwareTable: %w", err)
	}
	raw := make([]byte, size)
	n, _, err := get.Call(rsmb, 0, uintptr(unsafe.Pointer(&raw[0])), size)
	if n == 0 || n > size {
		return nil, fmt.Errorf("GetSystemFirmwareTable: %w", err)
	}
	const header = 8 // of RawSMBIOSData
	if n < header {
		return nil, ErrUnknown
	}
	return raw[header:n], nil
}

// ReadFirmware reads what the firmware says: from the registry, and from the SMBIOS tables
// what the registry does not have.
func ReadFirmware() Firmware {
	found := fromRegistry()
	table, err := smbios()
	if err != nil {
		return found // not every machine has SMBIOS
	}
	for _, t := range []struct {
		text     *string
		kind, at byte
	}{
		{&found.BIOSVendor, bios, biosVendor}, {&found.BIOSVersion, bios, biosVersion},
		{&found.Vendor, system, systemMaker}, {&found.Product, system, systemProduct},
		{&found.AssetTag, chassis, chassisTag},
	} {
		if *t.text == "" {
			*t.text, _ = smbiosText(table, t.kind, t.at) // "" when it does not tell
		}
	}
	return found
}

func fromRegistry() Firmware {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `HARDWARE\DESCRIPTION\System\BIOS`, registry.QUERY_VALUE)
	if err != nil {
		return Firmware{}
	}
	defer key.Close()
	text := func(name string) string {
		s, _, err := key.GetStringValue(name)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(s)
	}
	return Firmware{
		BIOSVendor:  text("BIOSVendor"),
		BIOSVersion: text("BIOSVersion"),
		Vendor:      text("SystemManufacturer"),
		Product:     text("SystemProductName"),
	}
}
