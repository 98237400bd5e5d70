package azure_test

import (
	"testing"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/azure"
)

func TestMatches(t *testing.T) {
	for name, c := range map[string]struct {
		facts providers.Facts
		want  bool
	}{
		"Azure": {providers.Facts{
			BIOSVendor: "American Megatrends Inc.", Vendor: "Microsoft Corporation", Product: "Virtual Machine",
			AssetTag: "7783-7084-3265-9085-8269-3286-77",
		}, true},
		"Azure generation 2": {providers.Facts{
			BIOSVendor: "Microsoft Corporation", Vendor: "Microsoft Corporation", Product: "Virtual Machine",
			AssetTag: "7783-7084-3265-9085-8269-3286-77 ",
		}, true},
		"Hyper-V of one's own": {providers.Facts{
			BIOSVendor: "Microsoft Corporation", Vendor: "Microsoft Corporation", Product: "Virtual Machine",
			AssetTag: "2382-6498-2346-4352-9876-4535-81",
		}, false},
		"Hyper-V without a tag": {providers.Facts{Vendor: "Microsoft Corporation", Product: "Virtual Machine"}, false},
		"EC2":                   {providers.Facts{BIOSVendor: "Amazon EC2", Vendor: "Amazon EC2", Product: "m5.large", AssetTag: "Amazon EC2"}, false},
		"GCE":                   {providers.Facts{BIOSVendor: "Google", Vendor: "Google", Product: "Google Compute Engine"}, false},
		"VMware":                {providers.Facts{BIOSVendor: "Phoenix Technologies LTD", Vendor: "VMware, Inc.", Product: "VMware Virtual Platform", AssetTag: "No Asset Tag"}, false},
		"QEMU":                  {providers.Facts{BIOSVendor: "SeaBIOS", Vendor: "QEMU", Product: "Standard PC (Q35 + ICH9, 2009)"}, false},
		"Dell":                  {providers.Facts{BIOSVendor: "Dell Inc.", Vendor: "Dell Inc.", Product: "PowerEdge R640", AssetTag: "7783"}, false},
		"nothing":               {providers.Facts{}, false},
	} {
		if got := azure.Kind().Matches(c.facts); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestEndpointMustBeAURL(t *testing.T) {
	for _, f := range azure.Kind().Fields {
		if f.Check == nil {
			continue
		}
		if err := f.Check("169.254.169.254"); err == nil {
			t.Errorf("%s: an address without a scheme is taken", f.Name)
		}
		if err := f.Check(f.Default); err != nil {
			t.Errorf("%s: the default is refused: %v", f.Name, err)
		}
	}
}
