package gcp

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/workerkit/workerkit/providers"
)

// instance is what counts of an instance's metadata.
type instance struct {
	ID         json.Number `json:"id"`
	Attributes struct {
		Taskcluster *string `json:"taskcluster"`
	} `json:"attributes"`
	Image             string             `json:"image"`
	MachineType       string             `json:"machineType"` // projects/N/machineTypes/x
	Zone              string             `json:"zone"`        // projects/N/zones/x
	Hostname          string             `json:"hostname"`
	NetworkInterfaces []networkInterface `json:"networkInterfaces"`

	Preempted           string          `json:"preempted"`
	MaintenanceEvent    string          `json:"maintenanceEvent"`
	UpcomingMaintenance json.RawMessage `json:"upcomingMaintenance"`
}

type networkInterface struct {
	IP            string   `json:"ip"`
	IPv6s         []string `json:"ipv6s"`
	AccessConfigs []struct {
		ExternalIP string `json:"externalIp"`
	} `json:"accessConfigs"`
}

// worker is what worker-manager tells the worker in the attribute taskcluster.
type worker struct {
	RootURL      string `json:"rootUrl"`
	ProviderID   string `json:"providerId"`
	WorkerPoolID string `json:"workerPoolId"`
	WorkerGroup  string `json:"workerGroup"`
}

// taskcluster reads the attribute. Its errors show nothing of it: people put secrets there.
func (i instance) taskcluster() (worker, error) {
	const expected = `; it must be a JSON object with the texts rootUrl, providerId, workerPoolId and workerGroup, which worker-manager writes when it makes an instance`
	text := i.Attributes.Taskcluster
	if text == nil {
		return worker{}, errors.New("the instance has no attribute taskcluster" + expected)
	}
	var w worker
	if err := json.Unmarshal([]byte(*text), &w); err != nil {
		return worker{}, errors.New("the instance's attribute taskcluster cannot be read" + expected)
	}
	var lacks []string
	for _, key := range []struct{ name, value string }{
		{"rootUrl", w.RootURL}, {"providerId", w.ProviderID}, {"workerPoolId", w.WorkerPoolID}, {"workerGroup", w.WorkerGroup},
	} {
		if key.value == "" {
			lacks = append(lacks, key.name)
		}
	}
	if len(lacks) > 0 {
		return worker{}, errors.New("the instance's attribute taskcluster lacks " + strings.Join(lacks, ", ") + expected)
	}
	for _, key := range []struct {
		name, value string
		check       func(string) error
	}{
		{"providerId", w.ProviderID, providers.CheckIdentifier},
		{"workerPoolId", w.WorkerPoolID, providers.CheckPool},
		{"workerGroup", w.WorkerGroup, providers.CheckIdentifier},
	} {
		if key.check(key.value) != nil { // its text repeats the value
			return worker{}, errors.New("the instance's attribute taskcluster has a " + key.name + " that cannot be one" + expected)
		}
	}
	if err := providers.CheckRootURL(w.RootURL); err != nil {
		return worker{}, errors.New("the rootUrl in the instance's attribute taskcluster is wrong: " + err.Error())
	}
	return w, nil
}

// identity puts together who the instance is.
func identity(about instance, w worker, rootURL, project string) providers.Identity {
	id, zone := about.ID.String(), last(about.Zone)
	region := zone[:max(strings.LastIndex(zone, "-"), 0)]
	all := map[string]any{
		"instance-id": id, "project-id": strings.TrimSpace(project), "image": about.Image,
		"instance-type": about.MachineType, "machine-type": last(about.MachineType),
		"zone": zone, "availability-zone": zone, "region": region, "public-hostname": about.Hostname,
	}
	for key, address := range about.addresses() {
		if address != "" { // many instances lack one
			all[key] = address
		}
	}
	return providers.Identity{
		RootURL: rootURL, ProviderID: w.ProviderID, WorkerPoolID: w.WorkerPoolID, WorkerGroup: w.WorkerGroup,
		WorkerID: id, InstanceID: id,
		Location: map[string]string{"cloud": "google", "region": region, "zone": zone},
		Metadata: all,
	}
}

// addresses are those of the first interface that has one, for each sort.
func (i instance) addresses() map[string]string {
	all := map[string]string{}
	first := func(key, address string) {
		if all[key] == "" {
			all[key] = address
		}
	}
	for _, nic := range i.NetworkInterfaces {
		first("local-ipv4", nic.IP)
		for _, access := range nic.AccessConfigs {
			first("public-ipv4", access.ExternalIP)
		}
		for _, address := range nic.IPv6s {
			first("local-ipv6", address)
		}
	}
	return all
}

// last is the last segment of a path.
func last(path string) string { return path[strings.LastIndex(path, "/")+1:] }
