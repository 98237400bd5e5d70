package hostfacts

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const dmi = "/sys/class/dmi/id/"

// uptime counts the time asleep as well, so that the boot time stays put.
func uptime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(t.Nano()), nil
}

func serial() (string, error) {
	data, err := os.ReadFile(dmi + "product_serial")
	return string(data), err
}

// ReadFirmware reads what the firmware says.
func ReadFirmware() Firmware {
	return Firmware{
		BIOSVendor:  dmiText("bios_vendor"),
		BIOSVersion: dmiText("bios_version"),
		Vendor:      dmiText("sys_vendor"),
		Product:     dmiText("product_name"),
		AssetTag:    dmiText("chassis_asset_tag"),
	}
}

func dmiText(name string) string {
	data, err := os.ReadFile(dmi + name)
	if err != nil {
		return "" // not every machine has DMI
	}
	return strings.TrimSpace(string(data))
}
