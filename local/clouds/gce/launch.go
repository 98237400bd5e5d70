package gce

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/local/clouds"
)

// firstID is the smallest instance id; all have 19 digits.
const firstID = 1_000_000_000_000_000_000

// Launch implements clouds.Cloud.
func (c *Cloud) Launch(o clouds.Order) (clouds.Machine, error) {
	pool, err := decodeConfig(o.Config)
	if err != nil {
		return clouds.Machine{}, fmt.Errorf("gce: launch: %w", err)
	}
	l, err := c.choose(pool.LaunchConfigs)
	if err != nil {
		return clouds.Machine{}, err
	}
	n, err := c.number()
	if err != nil {
		return clouds.Machine{}, err
	}
	r := record{
		ID:          firstID + n%(8*firstID), // below 2^63
		Zone:        l.Zone,
		MachineType: l.MachineType[strings.LastIndex(l.MachineType, "/")+1:],
		Image:       "projects/" + project + "/global/images/worker",
		Created:     o.Now.UTC(),
		ServiceAccount: serviceAccount{
			Email: "worker@" + project + ".iam.gserviceaccount.com", UniqueID: "104857620394817265530",
		},
		Scheduling: l.Scheduling.record(),
	}
	r.Name = instanceName(o.WorkerPoolID, r.ID)
	if len(l.Disks) > 0 {
		r.Image = cmp.Or(l.Disks[0].InitializeParams.SourceImage, r.Image)
	}
	for i, nic := range l.NetworkInterfaces {
		r.Interfaces = append(r.Interfaces, nic.card(i, n))
	}
	if r.Attributes, err = attributes(o, l); err != nil {
		return clouds.Machine{}, err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return clouds.Machine{}, fmt.Errorf("gce: encode a record: %w", err)
	}
	return clouds.Machine{
		WorkerGroup: l.Zone, WorkerID: strconv.FormatUint(r.ID, 10), LaunchConfigID: l.id,
		Capacity: l.capacity(), WorkerConfig: l.WorkerConfig, Record: data,
	}, nil
}

// choose picks a launch config, each as often as its weight says.
func (c *Cloud) choose(all []launchConfig) (launchConfig, error) {
	total := 0.0
	for i := range all {
		total += all[i].weight()
	}
	if total <= 0 {
		return launchConfig{}, errors.New("gce: launch: there is no launch config with a weight above 0")
	}
	n, err := c.number()
	if err != nil {
		return launchConfig{}, err
	}
	at, last := float64(n>>11)/(1<<53)*total, launchConfig{} // at is in [0, total)
	for i := range all {
		weight := all[i].weight()
		if weight == 0 {
			continue
		}
		if last = all[i]; at < weight {
			break
		}
		at -= weight
	}
	return last, nil
}

// attributes is the instance's custom metadata: the launch config's, and what worker-manager
// tells the worker.
func attributes(o clouds.Order, l launchConfig) (map[string]string, error) {
	all := map[string]string{}
	for _, item := range l.Metadata.Items {
		all[item.Key] = item.Value
	}
	data, err := json.Marshal(map[string]any{
		"rootUrl": o.RootURL, "providerId": o.ProviderID, "workerPoolId": o.WorkerPoolID,
		"workerGroup": l.Zone, "workerConfig": l.WorkerConfig,
	})
	if err != nil {
		return nil, fmt.Errorf("gce: encode the attribute taskcluster: %w", err)
	}
	maps.Copy(all, map[string]string{"taskcluster": string(data)})
	return all, nil
}

// instanceName makes a name that Google would take.
func instanceName(pool string, id uint64) string {
	name := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(pool))
	return "w-" + name[:min(len(name), 38)] + "-" + strconv.FormatUint(id, 36)
}

func (s *schedulingConfig) record() scheduling {
	preemptible := s.Preemptible || s.ProvisioningModel == "SPOT"
	usual := "MIGRATE"
	if preemptible {
		usual = "TERMINATE" // Google moves no preemptible instance
	}
	return scheduling{Preemptible: preemptible, OnHostMaintenance: cmp.Or(s.OnHostMaintenance, usual)}
}

// card makes the i-th network interface of the instance, with addresses from n.
func (n networkConfig) card(i int, seed uint64) networkCard {
	a, b := byte(seed), byte(seed>>8)
	card := networkCard{
		Network: fmt.Sprintf("projects/%d/networks/%s", projectNumber, cmp.Or(n.Network[strings.LastIndex(n.Network, "/")+1:], "default")),
		MAC:     fmt.Sprintf("42:01:0a:80:%02x:%02x", a, byte(i)+2),
	}
	if n.StackType != "IPV6_ONLY" {
		card.IP = fmt.Sprintf("10.%d.%d.%d", 128+i, a, 2+b%200)
		if len(n.AccessConfigs) > 0 {
			card.ExternalIP = clouds.PublicAddress
		}
	}
	if strings.Contains(n.StackType, "IPV6") {
		card.IPv6 = fmt.Sprintf("fd20:%x:%x::%x", a, b, i+1)
	}
	return card
}
