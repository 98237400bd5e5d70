package hostfacts

import (
	"os/exec"
	"strings"
)

func serial() (string, error) {
	out, err := exec.Command("/bin/kenv", "-q", "smbios.system.serial").Output()
	return string(out), err
}

// ReadFirmware reads what the firmware says.
func ReadFirmware() Firmware {
	return Firmware{
		BIOSVendor:  kenv("smbios.bios.vendor"),
		BIOSVersion: kenv("smbios.bios.version"),
		Vendor:      kenv("smbios.system.maker"),
		Product:     kenv("smbios.system.product"),
		AssetTag:    kenv("smbios.chassis.tag"),
	}
}

func kenv(name string) string {
	out, err := exec.Command("/bin/kenv", "-q", name).Output()
	if err != nil {
		return "" // not every machine has SMBIOS
	}
	return strings.TrimSpace(string(out))
}
