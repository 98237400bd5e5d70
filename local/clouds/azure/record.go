package azure

// Record is Azure's own description of a virtual machine: what Cloud.Launch makes, and what
// Cloud.Verify and Cloud.Serve need. Its JSON form is the record of the contract. Tests change
// it to get machines that no launch config asks for.
type Record struct {
	Name           string      `json:"name"`
	VMID           string      `json:"vmId"`
	Location       string      `json:"location"`
	Zone           string      `json:"zone,omitempty"`
	VMSize         string      `json:"vmSize"`
	Priority       string      `json:"priority"` // "Regular" or "Spot"
	SubscriptionID string      `json:"subscriptionId"`
	ResourceGroup  string      `json:"resourceGroup"`
	Image          Image       `json:"image"`
	Tags           []Tag       `json:"tags"`
	CustomData     string      `json:"customData,omitempty"` // base64; the metadata service does not show it
	UserData       string      `json:"userData,omitempty"`   // base64
	Interfaces     []Interface `json:"interfaces"`
}

// Image is what the machine was made from.
type Image struct {
	ID        string `json:"id"`
	Publisher string `json:"publisher"`
	Offer     string `json:"offer"`
	SKU       string `json:"sku"`
	Version   string `json:"version"`
}

// Tag is a tag of the machine.
type Tag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Interface is a network interface. One with only IPv6 addresses has no IPv4.
type Interface struct {
	IPv4 []Address `json:"ipv4,omitempty"`
	IPv6 []string  `json:"ipv6,omitempty"`
	MAC  string    `json:"mac"` // twelve hexadecimal digits
}

// Address is an IPv4 address of an interface; Public is "" when it has none.
type Address struct {
	Private string `json:"private"`
	Public  string `json:"public,omitempty"`
}

// resourceID is the name of the machine in Azure's resource manager.
func (r Record) resourceID() string {
	return "/subscriptions/" + r.SubscriptionID + "/resourceGroups/" + r.ResourceGroup +
		"/providers/Microsoft.Compute/virtualMachines/" + r.Name
}
