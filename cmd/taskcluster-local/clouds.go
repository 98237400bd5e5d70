package main

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/local"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	"github.com/workerkit/workerkit/local/clouds/gce"
	"github.com/workerkit/workerkit/local/clouds/host"
)

// machineFlags are the flags of serve about emulated machines.
type machineFlags struct {
	on                         bool
	startWorker, genericWorker string
}

func (m *machineFlags) register(command *cobra.Command) {
	f := command.Flags()
	f.BoolVar(&m.on, "machines", false, "emulate EC2, GCE and Azure (the providers ec2, gce, azure): boot machines for their pools")
	f.StringVar(&m.startWorker, "start-worker", "", "the `program` that machines run; else the one beside this program, or on PATH")
	f.StringVar(&m.genericWorker, "generic-worker", "", "the worker `program` of machines; found likewise")
}

// apply sets the server up to boot machines, if they are wanted.
func (m *machineFlags) apply(o *local.Options) {
	if !m.on {
		return
	}
	o.Clouds = map[string]clouds.Cloud{"ec2": ec2.New(rand.Reader), "gce": gce.New(rand.Reader), "azure": azure.New(rand.Reader)}
	o.Machines = host.Options{
		StartWorker: programPath(m.startWorker, "start-worker"), GenericWorker: programPath(m.genericWorker, "generic-worker"),
		Output: func(k clouds.Key, line string) { o.Logger.Debug("machine writes", "machine", k.String(), "line", line) },
	}
}

// programPath is the path that was asked for, else that beside this program, else the name, to be
// found on PATH.
func programPath(asked, name string) string {
	if asked != "" {
		return asked
	}
	own, err := os.Executable()
	if err != nil {
		return name
	}
	if path, err := exec.LookPath(filepath.Join(filepath.Dir(own), name)); err == nil {
		return path
	}
	return name
}
