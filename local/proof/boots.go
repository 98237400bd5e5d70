package proof

import (
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/session"
)

// boot is one place in which the disk is booted.
type boot struct {
	name     string         // see Places
	provider string         // its id in worker-manager
	firmware []string       // QEMU's -smbios: what tells the machine where it is
	launch   map[string]any // of the pool; nil where somebody else switches the machine on
	notice   clouds.Notice  // what takes the machine away; the owner of one without launch has the power button
}

func boots() []boot {
	aws := boot{
		name: "aws", provider: "ec2",
		firmware: []string{"type=0,vendor=Amazon EC2", "type=1,manufacturer=Amazon EC2,product=m7i.large,serial=ec2e1916-8e1b-4a5d-ab5b-d5cbe8b9c5d2,uuid=ec2e1916-8e1b-4a5d-ab5b-d5cbe8b9c5d2"},
		launch: map[string]any{
			"region": "us-east-1",
			"launchConfig": map[string]any{
				"ImageId": "ami-0123456789abcdef0", "InstanceType": "m7i.large",
				"InstanceMarketOptions": map[string]any{"MarketType": "spot"},
			},
		},
		notice: clouds.Notice{Kind: "spot-terminate", In: 2 * time.Minute},
	}
	gcp := boot{
		name: "gcp", provider: "gce",
		firmware: []string{"type=0,vendor=Google", "type=1,manufacturer=Google,product=Google Compute Engine"},
		launch: map[string]any{
			"region": "us-central1", "zone": "us-central1-a", "machineType": "zones/us-central1-a/machineTypes/n2-standard-2",
			"disks":             []any{map[string]any{"boot": true, "initializeParams": map[string]any{"sourceImage": "projects/test/global/images/worker"}}},
			"networkInterfaces": []any{map[string]any{"accessConfigs": []any{map[string]any{"type": "ONE_TO_ONE_NAT"}}}},
			"scheduling":        map[string]any{"provisioningModel": "SPOT", "onHostMaintenance": "terminate"},
		},
		notice: clouds.Notice{Kind: "preempted"},
	}
	azure := boot{
		name: "azure", provider: "azure",
		firmware: []string{"type=1,manufacturer=Microsoft Corporation,product=Virtual Machine", "type=3,asset=7783-7084-3265-9085-8269-3286-77"},
		launch: map[string]any{
			"location": "westus2", "subnetId": "/subscriptions/test/resourceGroups/test/providers/Microsoft.Network/virtualNetworks/test/subnets/test",
			"hardwareProfile": map[string]any{"vmSize": "Standard_D2s_v5"}, "priority": "Spot",
			"storageProfile": map[string]any{
				"imageReference": map[string]any{"id": "/subscriptions/test/resourceGroups/test/providers/Microsoft.Compute/images/worker"},
				"osDisk":         map[string]any{},
			},
		},
		notice: clouds.Notice{Kind: "Preempt", In: 30 * time.Second},
	}
	return []boot{aws, gcp, azure, {name: "static", provider: "static"}}
}

// Places lists where a disk can be booted: the clouds, and a machine of somebody's own.
func Places() []string {
	var names []string
	for _, b := range boots() {
		names = append(names, b.name)
	}
	return names
}

func (b boot) pool() string { return "proof/" + b.name }

// config is the pool's: a machine when there is a task.
func (b boot) config() map[string]any {
	own := session.WorkerConfig(map[string]any{"requiredDiskSpaceMegabytes": 100})
	if b.launch == nil {
		return map[string]any{"workerConfig": own}
	}
	b.launch["workerConfig"] = own
	b.launch["workerManager"] = map[string]any{"capacityPerInstance": 1}
	return map[string]any{"minCapacity": 0, "maxCapacity": 1, "launchConfigs": []any{b.launch}}
}
