package dockerworker

import "github.com/workerkit/workerkit/worker/config"

// ask is something that a payload may ask for and not every task may have.
type ask struct {
	place  string // in the payload
	wanted func(*document) *bool
	// key of d2gConfig is with what the pool's operator allows it.
	key     string
	allowed func(config.D2G) bool
	scope   string // that the task needs; "" is none
	byPool  bool   // the scope with the pool behind it does as well
	grants  string // what a plugin of this worker asks for; "" is nothing
}

func asks() []ask {
	const capability = "docker-worker:capability:"
	return []ask{
		{
			"capabilities.privileged", func(d *document) *bool { return &d.Capabilities.Privileged },
			"allowPrivileged", func(p config.D2G) bool { return p.AllowPrivileged }, capability + "privileged", true, "",
		},
		{
			"capabilities.disableSeccomp", func(d *document) *bool { return &d.Capabilities.DisableSeccomp },
			"allowDisableSeccomp", func(p config.D2G) bool { return p.AllowDisableSeccomp }, capability + "disableSeccomp", true, "",
		},
		{
			"capabilities.devices.loopbackVideo", func(d *document) *bool { return &d.Capabilities.Devices.LoopbackVideo },
			"allowLoopbackVideo", func(p config.D2G) bool { return p.AllowLoopbackVideo }, capability + "device:loopbackVideo", true, "generic-worker:loopback-video",
		},
		{
			"capabilities.devices.loopbackAudio", func(d *document) *bool { return &d.Capabilities.Devices.LoopbackAudio },
			"allowLoopbackAudio", func(p config.D2G) bool { return p.AllowLoopbackAudio }, capability + "device:loopbackAudio", true, "generic-worker:loopback-audio",
		},
		{
			"capabilities.devices.hostSharedMemory", func(d *document) *bool { return &d.Capabilities.Devices.HostSharedMemory },
			"allowHostSharedMemory", func(p config.D2G) bool { return p.AllowHostSharedMemory }, capability + "device:hostSharedMemory", true, "",
		},
		{
			"capabilities.devices.kvm", func(d *document) *bool { return &d.Capabilities.Devices.KVM },
			"allowKVM", func(p config.D2G) bool { return p.AllowKVM }, capability + "device:kvm", true, "",
		},
		{
			"features.allowPtrace", func(d *document) *bool { return &d.Features.AllowPtrace },
			"allowPtrace", func(p config.D2G) bool { return p.AllowPtrace }, "docker-worker:feature:allowPtrace", false, "",
		},
		{
			"features.chainOfTrust", func(d *document) *bool { return &d.Features.ChainOfTrust },
			"allowChainOfTrust", func(p config.D2G) bool { return p.AllowChainOfTrust }, "", false, "",
		},
		{
			"features.interactive", func(d *document) *bool { return &d.Features.Interactive },
			"allowInteractive", func(p config.D2G) bool { return p.AllowInteractive }, "", false, "",
		},
		{
			"features.taskclusterProxy", func(d *document) *bool { return &d.Features.TaskclusterProxy },
			"allowTaskclusterProxy", func(p config.D2G) bool { return p.AllowTaskclusterProxy }, "", false, "",
		},
	}
}
