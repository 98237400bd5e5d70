package azure

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/local/clouds"
)

// subscription is the emulator's only one.
const subscription = "00000000-0000-4000-8000-000000000001"

// Launch implements clouds.Cloud.
func (c *Cloud) Launch(o clouds.Order) (clouds.Machine, error) {
	choices, err := launchConfigs(o.Config)
	if err != nil {
		return clouds.Machine{}, err
	}
	at, err := c.random.fraction()
	if err != nil {
		return clouds.Machine{}, err
	}
	chosen, err := pick(choices, at)
	if err != nil {
		return clouds.Machine{}, err
	}
	record, err := c.record(o, chosen)
	if err != nil {
		return clouds.Machine{}, err
	}
	encoded, err := json.Marshal(record)
	if err != nil {
		return clouds.Machine{}, fmt.Errorf("azure: encode the machine's record: %w", err)
	}
	workerConfig := chosen.WorkerConfig
	if len(workerConfig) == 0 {
		workerConfig = json.RawMessage("{}")
	}
	return clouds.Machine{
		WorkerGroup: record.Location, WorkerID: record.Name, LaunchConfigID: chosen.id,
		Capacity: chosen.capacity(), WorkerConfig: workerConfig, Record: encoded,
	}, nil
}

// record makes up the machine.
func (c *Cloud) record(o clouds.Order, l choice) (Record, error) {
	name, err := c.random.name(35)
	if err != nil {
		return Record{}, err
	}
	id, err := c.random.uuid()
	if err != nil {
		return Record{}, err
	}
	nic, err := c.nic(l.WorkerManager.PublicIP)
	if err != nil {
		return Record{}, err
	}
	custom, err := customData(o, l.location())
	if err != nil {
		return Record{}, err
	}
	zone := ""
	if len(l.Zones) > 0 {
		zone = l.Zones[0]
	}
	return Record{
		Name: "vm-" + name, VMID: id, Location: l.location(), Zone: zone, VMSize: l.size(),
		Priority:       cmp.Or(l.Priority, l.parameter("priority"), "Regular"),
		SubscriptionID: subscription, ResourceGroup: "taskcluster", Image: l.StorageProfile.ImageReference,
		Tags: tags(o, l), CustomData: custom, Interfaces: []Interface{nic},
	}, nil
}

// nic makes an interface with an address in 10.0.0.0/8, and one of the range for documentation
// when it is public.
func (c *Cloud) nic(public bool) (Interface, error) {
	b, err := c.random.bytes(7)
	if err != nil {
		return Interface{}, err
	}
	address := Address{Private: fmt.Sprintf("10.%d.%d.%d", b[0], b[1], 4+b[2]%250)}
	if public {
		address.Public = clouds.PublicAddress
	}
	return Interface{IPv4: []Address{address}, MAC: fmt.Sprintf("000D3A%X", []byte{b[3], b[4], b[5]})}, nil
}

// tags are the launch config's and those that worker-manager sets, in the order of their names.
func tags(o clouds.Order, l choice) []Tag {
	all := maps.Clone(l.Tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, map[string]string{
		"root-url": o.RootURL, "worker-pool-id": o.WorkerPoolID, "provider-id": o.ProviderID,
		"worker-group": l.location(), "launch-config-id": l.id,
		"created-by": "taskcluster-wm-" + o.ProviderID, "managed-by": "taskcluster", "owner": "taskcluster-local",
	})
	list := make([]Tag, 0, len(all))
	for name, value := range all {
		list = append(list, Tag{name, value})
	}
	slices.SortFunc(list, func(a, b Tag) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// customData is what worker-manager gives a machine beside its tags.
func customData(o clouds.Order, group string) (string, error) {
	data, err := json.Marshal(map[string]any{
		"workerPoolId": o.WorkerPoolID, "workerGroup": group, "providerId": o.ProviderID,
		"rootUrl": o.RootURL, "workerConfig": map[string]any{},
	})
	if err != nil {
		return "", fmt.Errorf("azure: encode the machine's custom data: %w", err)
	}
	return base64.StdEncoding.EncodeToString(data), nil
}
