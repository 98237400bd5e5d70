package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/local/session"
)

// demoCloud is an emulated cloud with a pool of one spot machine.
type demoCloud struct {
	name, provider string
	notice         []string       // what takes a machine away: arguments of `taskcluster-local notice`
	launch         map[string]any // the pool's launch config
}

func demoClouds() []demoCloud {
	return []demoCloud{
		{
			name: "EC2", provider: "ec2",
			notice: []string{"spot-terminate", "--in", "2m"},
			launch: map[string]any{
				"region": "us-east-1",
				"launchConfig": map[string]any{
					"ImageId": "ami-0123456789abcdef0", "InstanceType": "m7i.large",
					"InstanceMarketOptions": map[string]any{"MarketType": "spot"},
				},
			},
		},
		{
			name: "GCE", provider: "gce",
			notice: []string{"preempted"},
			launch: map[string]any{
				"region": "us-central1", "zone": "us-central1-a", "machineType": "zones/us-central1-a/machineTypes/n2-standard-2",
				"disks":             []any{map[string]any{"boot": true, "initializeParams": map[string]any{"sourceImage": "projects/demo/global/images/worker"}}},
				"networkInterfaces": []any{map[string]any{"accessConfigs": []any{map[string]any{"type": "ONE_TO_ONE_NAT"}}}},
				"scheduling":        map[string]any{"provisioningModel": "SPOT", "onHostMaintenance": "terminate"},
			},
		},
		{
			name: "Azure", provider: "azure",
			notice: []string{"Preempt", "--in", "30s"},
			launch: map[string]any{
				"location": "westus2", "subnetId": "/subscriptions/demo/resourceGroups/demo/providers/Microsoft.Network/virtualNetworks/demo/subnets/demo",
				"hardwareProfile": map[string]any{"vmSize": "Standard_D2s_v5"}, "priority": "Spot",
				"storageProfile": map[string]any{
					"imageReference": map[string]any{"id": "/subscriptions/demo/resourceGroups/demo/providers/Microsoft.Compute/images/worker"},
					"osDisk":         map[string]any{},
				},
			},
		},
	}
}

func (c demoCloud) pool() string { return "local/" + c.provider }

// config is the pool's: exactly one machine at any time.
func (c demoCloud) config() map[string]any {
	c.launch["workerConfig"] = session.WorkerConfig(map[string]any{"requiredDiskSpaceMegabytes": 100})
	c.launch["workerManager"] = map[string]any{"capacityPerInstance": 1}
	return map[string]any{"minCapacity": 1, "maxCapacity": 1, "launchConfigs": []any{c.launch}}
}

// task works until its machine is taken away, and is done at once on the next one.
func (c demoCloud) task() demoTask {
	return demoTask{
		name:  "on " + c.name,
		queue: c.pool(),
		payload: map[string]any{
			"command":    script(`echo "run $RUN_ID works"; test "$RUN_ID" -ge 1 || sleep 60`, `echo "run $RUN_ID is done"`),
			"maxRunTime": 100,
		},
		want: "exception/worker-shutdown, completed",
		log:  "run 1 is done\n",
	}
}

// cloud has worker-manager boot a spot machine, takes it away while it works, and lets the
// next machine finish the task.
func (d *demo) cloud(ctx context.Context, c demoCloud) (row, error) {
	d.say("Cloud %s: worker-manager boots a spot machine for %s; the notice `%s` comes in the middle of a task", c.name, c.pool(), strings.Join(c.notice, " "))
	if err := d.session.AddPoolOf(ctx, c.pool(), c.provider, c.config()); err != nil {
		return row{}, err
	}
	task := c.task()
	serve := &server{demo: d, cloud: c, ctx: ctx}
	got, err := d.task(ctx, task, serve)
	if err = errors.Join(err, serve.err); err != nil {
		return row{}, err
	}
	wrong := task.differences(got)
	if runs := got.status.Runs; len(runs) == 2 {
		d.detail("run 0 was on %s, run 1 on %s", runs[0].Worker, runs[1].Worker)
		if runs[0].Worker == runs[1].Worker {
			wrong = append(wrong, "both runs were on one machine")
		}
	}
	return row{task, got, wrong}, nil
}

// server shows a task's log and serves the notice once the task works.
type server struct {
	demo  *demo
	cloud demoCloud
	ctx   context.Context //nolint:containedctx // of the one task whose log comes through Write

	served bool
	err    error // of the notice
}

// Write implements io.Writer. It gets whole lines.
func (s *server) Write(line []byte) (int, error) {
	n, err := s.demo.out.Write(line)
	if s.served || !strings.HasSuffix(string(line), "run 0 works\n") {
		return n, err
	}
	s.served = true
	s.err = s.serve()
	return n, errors.Join(err, s.err)
}

func (s *server) serve() error {
	machines, err := s.demo.session.Machines(s.ctx, s.cloud.pool())
	if err != nil {
		return err
	}
	if len(machines) != 1 {
		return fmt.Errorf("there are %d machines, not one: %s", len(machines), strings.Join(machines, ", "))
	}
	command := append([]string{"notice", machines[0]}, s.cloud.notice...)
	_, err = s.demo.session.Command(s.ctx, command...)
	fmt.Fprintf(s.demo.out, "%staskcluster-local %s\n", margin, strings.Join(command, " "))
	return err
}
