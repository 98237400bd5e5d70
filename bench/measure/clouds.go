package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/local/session"
)

// Cloud is an emulated cloud: its providerId and the launch config of a pool.
type Cloud struct {
	Provider string
	Launch   map[string]any
	// Notice takes a machine away: arguments of `taskcluster-local notice`.
	Notice []string
}

// Clouds lists the emulated clouds.
func Clouds() []Cloud {
	return []Cloud{
		{"ec2", map[string]any{"region": "us-east-1", "launchConfig": map[string]any{"ImageId": "ami-1"}}, []string{"spot-terminate", "--in", "2m"}},
		{"gce", map[string]any{
			"region": "us-central1", "zone": "us-central1-a", "machineType": "zones/us-central1-a/machineTypes/n2-standard-2",
			"disks": []any{}, "networkInterfaces": []any{map[string]any{}}, "scheduling": map[string]any{},
		}, []string{"preempted"}},
		{"azure", map[string]any{
			"location": "westus2", "subnetId": "demo", "hardwareProfile": map[string]any{"vmSize": "Standard_D2s_v5"},
			"storageProfile": map[string]any{"osDisk": map[string]any{}},
		}, []string{"Preempt", "--in", "30s"}},
	}
}

// Pool is the pool of the cloud's machines.
func (c Cloud) Pool() string { return "bench/" + c.Provider }

// Config is the config of a pool with so many machines at least and at most.
func (c Cloud) Config(least, most int) map[string]any {
	c.Launch["workerConfig"] = session.WorkerConfig(map[string]any{"requiredDiskSpaceMegabytes": 100})
	return map[string]any{"minCapacity": least, "maxCapacity": most, "launchConfigs": []any{c.Launch}}
}

// CloudMachine is an emulated machine.
type CloudMachine struct {
	Machine      string    `json:"machine"`
	WorkerPoolID string    `json:"workerPoolId"`
	PID          int       `json:"pid"`
	Started      time.Time `json:"started"` // when start-worker was started
}

// CloudMachines lists the emulated machines of a pool.
func (s *Stand) CloudMachines(ctx context.Context, pool string) ([]CloudMachine, error) {
	out, err := s.Command(ctx, "machines", "--json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Machines []CloudMachine `json:"machines"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("list the machines: %w", err)
	}
	var found []CloudMachine
	for _, m := range list.Machines {
		if m.WorkerPoolID == pool {
			found = append(found, m)
		}
	}
	return found, nil
}

// RemoveMachine takes an emulated machine away and waits until it is gone.
func (s *Stand) RemoveMachine(ctx context.Context, m CloudMachine) error {
	if _, err := s.Command(ctx, "remove", m.Machine); err != nil {
		return err
	}
	for {
		left, err := s.CloudMachines(ctx, m.WorkerPoolID)
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
