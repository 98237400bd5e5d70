package main

import (
	"testing"

	"github.com/workerkit/workerkit/providers"
)

// TestFirmware: what real machines say of themselves names at most one place.
func TestFirmware(t *testing.T) {
	for name, c := range map[string]struct {
		facts providers.Facts
		want  string
	}{
		"EC2 Nitro":           {providers.Facts{BIOSVendor: "Amazon EC2", BIOSVersion: "1.0", Vendor: "Amazon EC2", Product: "m7g.large", AssetTag: "Amazon EC2"}, "aws"},
		"EC2 bare metal":      {providers.Facts{BIOSVendor: "American Megatrends Inc.", BIOSVersion: "1.0", Vendor: "Amazon EC2", Product: "i3.metal", AssetTag: "Amazon EC2"}, "aws"},
		"EC2 Xen":             {providers.Facts{BIOSVendor: "Xen", BIOSVersion: "4.11.amazon", Vendor: "Xen", Product: "HVM domU"}, "aws"},
		"Xen elsewhere":       {providers.Facts{BIOSVendor: "Xen", BIOSVersion: "4.14.6", Vendor: "Xen", Product: "HVM domU"}, ""},
		"GCE":                 {providers.Facts{BIOSVendor: "Google", BIOSVersion: "Google", Vendor: "Google", Product: "Google Compute Engine"}, "google"},
		"Chromebook":          {providers.Facts{BIOSVendor: "coreboot", BIOSVersion: "Google_Eve.9584.230.0", Vendor: "Google", Product: "Eve"}, ""},
		"Azure, generation 1": {providers.Facts{BIOSVendor: "American Megatrends Inc.", BIOSVersion: "090008", Vendor: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: "7783-7084-3265-9085-8269-3286-77"}, "azure"},
		"Azure, generation 2": {providers.Facts{BIOSVendor: "Microsoft Corporation", BIOSVersion: "Hyper-V UEFI Release v4.1", Vendor: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: "7783-7084-3265-9085-8269-3286-77"}, "azure"},
		"Hyper-V on premises": {providers.Facts{BIOSVendor: "Microsoft Corporation", BIOSVersion: "Hyper-V UEFI Release v4.1", Vendor: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: "5413-0152-8459-2365-4093-7215-06"}, ""},
		"Surface":             {providers.Facts{BIOSVendor: "Microsoft Corporation", BIOSVersion: "9.103.143", Vendor: "Microsoft Corporation", Product: "Surface Pro 9"}, ""},
		"VMware":              {providers.Facts{BIOSVendor: "Phoenix Technologies LTD", BIOSVersion: "6.00", Vendor: "VMware, Inc.", Product: "VMware Virtual Platform", AssetTag: "No Asset Tag"}, ""},
		"QEMU/KVM":            {providers.Facts{BIOSVendor: "SeaBIOS", BIOSVersion: "1.16.2-debian-1.16.2-1", Vendor: "QEMU", Product: "Standard PC (Q35 + ICH9, 2009)"}, ""},
		"Dell":                {providers.Facts{BIOSVendor: "Dell Inc.", BIOSVersion: "2.19.1", Vendor: "Dell Inc.", Product: "PowerEdge R640", AssetTag: "7783"}, ""},
		"Mac":                 {providers.Facts{Vendor: "Apple", Product: "Macmini9,1"}, ""},
		"no SMBIOS":           {providers.Facts{}, ""},
	} {
		var matching []string
		for _, kind := range kinds() {
			if kind.Matches != nil && kind.Matches(c.facts) {
				matching = append(matching, kind.Name)
			}
		}
		if len(matching) > 1 || (len(matching) == 1) != (c.want != "") || (len(matching) == 1 && matching[0] != c.want) {
			t.Errorf("%s: %q, want %q", name, matching, c.want)
		}
	}
}
