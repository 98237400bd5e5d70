package container

import (
	"encoding/csv"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/worker/task"
)

// options say what container is made.
func (b *builder) options() (client.ContainerCreateOptions, error) {
	resources, err := b.resources()
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	host := &container.HostConfig{
		LogConfig:   container.LogConfig{Type: "none"}, // the attached stream is all
		NetworkMode: container.NetworkMode(b.net.name),
		ExtraHosts:  append([]string{"localhost.localdomain:127.0.0.1"}, b.hosts()...),
		Privileged:  b.spec.Privileged,
		Resources:   resources,
		Mounts:      b.binds(),
	}
	if b.spec.AllowPtrace && !b.spec.Privileged {
		host.CapAdd = []string{"SYS_PTRACE"}
	}
	if b.spec.DisableSeccomp {
		host.SecurityOpt = append(host.SecurityOpt, "seccomp=unconfined")
	}
	return client.ContainerCreateOptions{
		Name:       b.name,
		HostConfig: host,
		Config: &container.Config{
			Image: b.image.ID, Cmd: b.spec.Command, Env: b.variables(), WorkingDir: b.spec.WorkingDirectory,
			Tty: !b.spec.Pipe, AttachStdout: true, AttachStderr: true,
			Labels: b.engine.labels(b.run.String()),
		},
	}, nil
}

// labels are those of whatever is made for a run.
func (e *Engine) labels(run string) map[string]string {
	return map[string]string{docker.Owner: e.config.Worker, "workerkit.run": run}
}

// binds are the mounts as the engine takes them.
func (b *builder) binds() []mount.Mount {
	var all []mount.Mount
	for _, m := range b.mounts {
		all = append(all, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	if b.spec.Devices.HostSharedMemory {
		all = append(all, mount.Mount{Type: mount.TypeBind, Source: sharedMemory, Target: sharedMemory})
	}
	return all
}

const (
	sharedMemory = "/dev/shm"
	usualShares  = 1024 // of the processor, at a weight of 100
	usualWeight  = 100
	leastShares  = 2
)

// resources are limits and devices. Memory beyond the limit is not to be had from swap either.
func (b *builder) resources() (container.Resources, error) {
	l := b.engine.config.Limits
	pids := int64(-1)
	r := container.Resources{MemorySwap: -1, PidsLimit: &pids}
	if l.Processes > 0 {
		pids = int64(l.Processes) //nolint:gosec // far below
	}
	if l.Memory > 0 {
		r.Memory = int64(l.Memory) //nolint:gosec // far below
		r.MemorySwap = r.Memory
	}
	if l.CPUWeight > 0 {
		r.CPUShares = max(leastShares, int64(l.CPUWeight)*usualShares/usualWeight) //nolint:gosec // far below
	}
	for _, path := range b.devices() {
		r.Devices = append(r.Devices, container.DeviceMapping{PathOnHost: path, PathInContainer: path, CgroupPermissions: "rwm"})
	}
	if b.engine.config.GPUs != "" {
		request, err := gpus(b.engine.config.GPUs)
		if err != nil {
			return r, err
		}
		r.DeviceRequests = []container.DeviceRequest{request}
	}
	return r, nil
}

// devices are paths of devices of the machine.
func (b *builder) devices() []string {
	var all []string
	if b.spec.Devices.KVM {
		all = append(all, "/dev/kvm")
	}
	if b.spec.Devices.LoopbackAudio {
		all = append(all, "/dev/snd")
	}
	if path := b.env["TASKCLUSTER_VIDEO_DEVICE"]; b.spec.Devices.LoopbackVideo && strings.HasPrefix(path, "/dev/") {
		all = append(all, filepath.Clean(path))
	}
	if b.engine.config.GPUs != "" {
		cards, _ := filepath.Glob("/dev/nvidia*") // the pattern is right
		for _, path := range cards {
			if device(path) {
				all = append(all, path)
			}
		}
	}
	return all
}

// gpus reads what docker run takes for --gpus: "all", a number, or "device=0,1", in quotes where there
// is a comma within a value.
func gpus(text string) (container.DeviceRequest, error) {
	request := container.DeviceRequest{Capabilities: [][]string{{"gpu"}}}
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return request, task.Internal("d2gConfig.gpus %q cannot be read: %w", text, err)
	}
	for _, field := range fields {
		key, value, named := strings.Cut(field, "=")
		if !named {
			key, value = "count", field
		}
		switch key {
		case "count":
			request.Count = -1
			if value != "all" {
				if request.Count, err = strconv.Atoi(value); err != nil {
					return request, task.Internal("d2gConfig.gpus %q: %q is neither a number nor \"all\"", text, value)
				}
			}
		case "device":
			request.DeviceIDs = strings.Split(value, ",")
		case "driver":
			request.Driver = value
		case "capabilities":
			request.Capabilities = [][]string{append(strings.Split(value, ","), "gpu")}
		default:
			return request, task.Internal("d2gConfig.gpus %q: %s is not known", text, strconv.Quote(key))
		}
	}
	return request, nil
}

// device tells whether a path is a device.
func device(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeDevice != 0
}
