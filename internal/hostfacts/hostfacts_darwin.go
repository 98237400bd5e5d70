package hostfacts

import (
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

func serial() (string, error) {
	out, err := exec.Command("/usr/sbin/ioreg", "-c", "IOPlatformExpertDevice", "-d", "2").Output()
	if err != nil {
		return "", err
	}
	return ioregValue(string(out), "IOPlatformSerialNumber")
}

// ioregValue finds the line `"key" = "value"`.
func ioregValue(out, key string) (string, error) {
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(line, " = "); ok && strings.HasSuffix(name, `"`+key+`"`) {
			return strings.Trim(strings.TrimSpace(value), `"`), nil
		}
	}
	return "", ErrUnknown
}

// ReadFirmware reads what the firmware says.
func ReadFirmware() Firmware {
	model, err := unix.Sysctl("hw.model")
	if err != nil {
		model = ""
	}
	return Firmware{Vendor: "Apple", Product: model}
}
