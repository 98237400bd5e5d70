package hostfacts

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

func uptime() (time.Duration, error) { return windows.DurationSinceBoot(), nil }

// serial reads the SMBIOS tables: the registry does not have the number.
func serial() (string, error) {
	get := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemFirmwareTable")
	if err := get.Find(); err != nil {
		return "", err
	}
	const rsmb = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
	size, _, err := get.Call(rsmb, 0, 0, 0)
	if size == 0 {
		return "", fmt.Errorf("GetSystemFirmwareTable: %w", err)
	}
	raw := make([]byte, size)
	n, _, err := get.Call(rsmb, 0, uintptr(unsafe.Pointer(&raw[0])), size)
	if n == 0 || n > size {
		return "", fmt.Errorf("GetSystemFirmwareTable: %w", err)
	}
	const header = 8 // of RawSMBIOSData
	if n < header {
		return "", ErrUnknown
	}
	return smbiosSerial(raw[header:n])
}

// ReadFirmware reads what the firmware says.
func ReadFirmware() Firmware {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `HARDWARE\DESCRIPTION\System\BIOS`, registry.QUERY_VALUE)
	if err != nil {
		return Firmware{} // not every machine has SMBIOS
	}
	defer key.Close()
	text := func(name string) string {
		s, _, err := key.GetStringValue(name)
		if err != nil {
			return ""
		}
		return s
	}
	return Firmware{
		BIOSVendor: text("BIOSVendor"),
		Vendor:     text("SystemManufacturer"),
		Product:    text("SystemProductName"),
	}
}
