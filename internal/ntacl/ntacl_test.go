package ntacl_test

import (
	"testing"

	"github.com/workerkit/workerkit/internal/ntacl"
)

func TestDescriptor(t *testing.T) {
	const want = "O:S-1-5-21-7D:PAI(A;OICI;FA;;;S-1-5-21-7)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	if got := ntacl.Descriptor("S-1-5-21-7"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOthers(t *testing.T) {
	for descriptor, want := range map[string]bool{
		// As C:\Users is, and the root of a further disk with the usual list.
		"O:SYG:SYD:PAI(A;OICI;0x1200a9;;;WD)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)": false,
		"O:BAG:SYD:(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1301bf;;;AU)":                        false,
		"O:BAD:(A;OICI;FA;;;WD)":          true,
		"O:BAD:(A;OICI;0x1f01ff;;;BU)":    true,
		"O:BAD:(A;;DT;;;AU)":              true,
		"O:BAD:(A;;RCWD;;;S-1-5-32-545)":  true,
		"O:BAD:(D;;FA;;;WD)(A;;FA;;;BA)":  false,
		"O:BAD:(A;OICIIO;FA;;;WD)":        false,
		"D:NO_ACCESS_CONTROL":             true,
		"O:BAD:(A;;FA;;;S-1-5-21-1-1001)": false,
	} {
		if got := ntacl.Others(descriptor); got != want {
			t.Errorf("%s: %v, want %v", descriptor, got, want)
		}
	}
}
