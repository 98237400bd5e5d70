package azure

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/providers"
)

// instance is what we read of a machine's description.
type instance struct {
	Compute struct {
		Name     string `json:"name"`
		VMID     string `json:"vmId"`
		VMSize   string `json:"vmSize"`
		Location string `json:"location"`
		Zone     string `json:"zone"`
		TagsList []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"tagsList"`
		UserData   string `json:"userData"`
		CustomData string `json:"customData"` // today's service leaves it empty
	} `json:"compute"`
	Network struct {
		Interface []struct {
			IPv4 struct {
				IPAddress []address `json:"ipAddress"`
			} `json:"ipv4"`
		} `json:"interface"`
	} `json:"network"`
}

type address struct {
	Private string `json:"privateIpAddress"`
	Public  string `json:"publicIpAddress"`
}

// identity is who the machine is. The error names everything that is missing or cannot be.
func (i instance) identity() (providers.Identity, error) {
	c := i.Compute
	known := i.names()
	id := providers.Identity{
		RootURL:      providers.TrimRootURL(known["root-url"]),
		ProviderID:   known["provider-id"],
		WorkerPoolID: known["worker-pool-id"],
		WorkerGroup:  known["worker-group"],
		WorkerID:     c.Name,
		InstanceID:   c.VMID,
		Location:     map[string]string{"cloud": "azure", "region": c.Location},
		Metadata:     i.metadata(),
	}
	return id, errors.Join(i.problems(known)...)
}

// problems are what keeps the machine from being a worker.
func (i instance) problems(known map[string]string) (all []error) {
	for _, tag := range []struct {
		name  string
		check func(string) error
	}{
		{"root-url", providers.CheckRootURL},
		{"worker-pool-id", providers.CheckPool},
		{"provider-id", providers.CheckIdentifier},
		{"worker-group", providers.CheckIdentifier},
	} {
		if known[tag.name] == "" {
			all = append(all, fmt.Errorf("the machine has no tag %s, which worker-manager gives to its machines", tag.name))
		} else if err := tag.check(known[tag.name]); err != nil {
			all = append(all, fmt.Errorf("the machine's tag %s is wrong: %w", tag.name, err))
		}
	}
	for _, part := range []struct{ name, value string }{{"name", i.Compute.Name}, {"vmId", i.Compute.VMID}, {"location", i.Compute.Location}} {
		if part.value == "" {
			all = append(all, fmt.Errorf("the metadata service gives no compute.%s", part.name))
		}
	}
	if name := i.Compute.Name; name != "" && providers.CheckIdentifier(name) != nil {
		all = append(all, fmt.Errorf("the machine's name %q cannot be a workerId: worker-manager names its machines with at most 38 letters, digits, - or _", name))
	}
	return all
}

// names are what worker-manager calls things: the machine's tags and, for those that are
// missing, what is written in its user data or custom data.
func (i instance) names() map[string]string {
	known := map[string]string{}
	for _, tag := range i.Compute.TagsList {
		known[strings.ToLower(tag.Name)] = tag.Value // tags' names do not know case
	}
	for _, data := range []string{i.Compute.UserData, i.Compute.CustomData} {
		for tag, value := range launchData(data) {
			known[tag] = cmp.Or(known[tag], value)
		}
	}
	return known
}

// launchData reads base64 of the JSON that worker-manager gives to machines, by the names of
// the tags. Other data is somebody else's, and gives nothing.
func launchData(encoded string) map[string]string {
	var d struct {
		RootURL      string `json:"rootUrl"`
		WorkerPoolID string `json:"workerPoolId"`
		ProviderID   string `json:"providerId"`
		WorkerGroup  string `json:"workerGroup"`
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || json.Unmarshal(data, &d) != nil {
		return nil
	}
	return map[string]string{
		"root-url": d.RootURL, "worker-pool-id": d.WorkerPoolID, "provider-id": d.ProviderID, "worker-group": d.WorkerGroup,
	}
}

// metadata has the reference's keys, and instance-id and zone. The addresses are those of the
// first interface that has an IPv4 address; the public one is "" when there is none.
func (i instance) metadata() map[string]any {
	c := i.Compute
	m := map[string]any{"vm-id": c.VMID, "instance-id": c.VMID, "instance-type": c.VMSize, "region": c.Location}
	if c.Zone != "" {
		m["zone"] = c.Zone
	}
	for _, nic := range i.Network.Interface {
		if len(nic.IPv4.IPAddress) > 0 {
			m["local-ipv4"], m["public-ipv4"] = nic.IPv4.IPAddress[0].Private, nic.IPv4.IPAddress[0].Public
			break
		}
	}
	return m
}
