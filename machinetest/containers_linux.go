package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The limits of each task.
const (
	memory    = 200 // MiB
	processes = 150
	weight    = 50

	usualWeight = 100
)

func containerSteps() []testStep {
	return []testStep{
		{"first", first},
		{"privileged", privileged},
		{"devices", devices},
		{"limits", limits},
		{"beyond", beyond},
		{"restart", engineEnds("systemctl restart docker.service")},
		{"stop", engineEnds("systemctl stop docker.service")},
		{"stop with its socket", engineEnds("systemctl stop docker.socket docker.service")},
		{"kill", engineEnds("systemctl kill --kill-who=main --signal=KILL docker.service")},
		{"live-restore", liveRestore},
		{"policy", policy},
		{"podman", podman},
	}
}

// first is a task in a container, on a machine whose control groups are of version 2.
func first(ctx context.Context, s *site) error {
	log, err := s.completes(ctx, container("echo user $(id -u); cat /proc/self/cgroup", nil))
	if err != nil {
		return err
	}
	return has(log, "user 0", "0::/")
}

// mounts is what only a privileged container can do.
const mounts = "mkdir -p /new; mount -t tmpfs new /new && grep ' /new tmpfs' /proc/mounts"

// privileged: the right is what a scope and the payload give, and nobody else has.
func privileged(ctx context.Context, s *site) error {
	asked := payload{"capabilities": payload{"privileged": true}}
	if _, err := s.completes(ctx, container(mounts, asked), "docker-worker:capability:privileged"); err != nil {
		return err
	}
	log, err := s.does(ctx, container(mounts, asked), "exception", "malformed-payload")
	if err == nil {
		err = has(log, "docker-worker:capability:privileged")
	}
	if err == nil {
		_, err = s.does(ctx, container(mounts, nil), "failed", "failed")
	}
	return err
}

// devices are those that Debian's kernel makes: a sound card; a camera it cannot.
func devices(ctx context.Context, s *site) error {
	device := func(name string) payload {
		return payload{"capabilities": payload{"devices": payload{name: true}}}
	}
	log, err := s.completes(ctx, container("ls /dev/snd; exec 3<>/dev/snd/controlC16", device("loopbackAudio")), "docker-worker:capability:device:loopbackAudio")
	if err == nil {
		err = has(log, "pcmC16D0p", "pcmC16D1c")
	}
	if err == nil {
		err = s.must(ctx, "grep -q ^snd_aloop /proc/modules")
	}
	if err != nil {
		return err
	}
	if log, err = s.does(ctx, container("true", device("loopbackVideo")), "exception", "malformed-payload", "docker-worker:capability:device:loopbackVideo"); err == nil {
		err = has(log, "cannot load the kernel module v4l2loopback")
	}
	if err != nil {
		return err
	}
	say("no camera: Debian has no built v4l2loopback; that a task is told so is all that is seen")
	if s.must(ctx, "test -c /dev/kvm") != nil {
		say("no /dev/kvm in the machine: its capability is not seen")
		return nil
	}
	_, err = s.completes(ctx, container("exec 3<>/dev/kvm", device("kvm")), "docker-worker:capability:device:kvm")
	return err
}

// limits are seen by the task. What becomes of a weight of the processors is said by the engine's
// runtime, which has changed its mind; less than the usual must stay less.
func limits(ctx context.Context, s *site) error {
	log, err := s.completes(ctx, container("cd /sys/fs/cgroup; for name in memory.max memory.swap.max pids.max cpu.weight; do echo $name is $(cat $name).; done", nil))
	if err != nil {
		return err
	}
	if err := has(log, fmt.Sprintf("memory.max is %d.", memory<<20), "memory.swap.max is 0.", fmt.Sprintf("pids.max is %d.", processes)); err != nil {
		return err
	}
	found := regexp.MustCompile(`cpu\.weight is (\d+)\.`).FindStringSubmatch(log)
	if found == nil {
		return has(log, "cpu.weight is ")
	}
	say("workerkit.taskLimits.cpuWeight %d is a cpu.weight of %s", weight, found[1])
	if got, _ := strconv.Atoi(found[1]); got >= usualWeight {
		return fmt.Errorf("a cpuWeight of %d became a cpu.weight of %d", weight, got)
	}
	return nil
}

const (
	eats  = "dd if=/dev/zero of=/dev/null bs=400M count=1; echo has eaten"
	forks = "i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i+1)); done; echo has forked"
)

// beyond is what a limit does to who wants more.
func beyond(ctx context.Context, s *site) error {
	log, err := s.does(ctx, container(eats, nil), "failed", "failed")
	if err == nil {
		err = has(log, fmt.Sprintf("more than its %d MiB of memory (workerkit.taskLimits)", memory))
	}
	if err != nil {
		return err
	}
	if log, err = s.does(ctx, container(forks, nil), "failed", "failed"); err == nil {
		err = has(log, "workerkit.taskLimits")
	}
	return err
}

// sleeper is a container that runs.
func (s *site) sleeper(ctx context.Context) (string, error) {
	id, err := s.begun(ctx, container("echo works; sleep 2000", nil))
	if err != nil {
		return "", err
	}
	return id, s.says(ctx, "docker ps --quiet | wc -l", "1")
}

// engineEnds ends Docker in mid-task: the task is told why it ends with it, and the next one runs.
// Whether the worker hears first of the container or of Docker is chance.
func engineEnds(how string) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) error {
		id, err := s.sleeper(ctx)
		if err != nil {
			return err
		}
		if err := s.must(ctx, how); err != nil {
			return err
		}
		if err := s.becomes(ctx, id, 0, "exception", "internal-error"); err != nil {
			return err
		}
		log := s.log(ctx, id, 0)
		if err := has(log, "works", "Let the worker finish its tasks before Docker or Podman is stopped or restarted"); err != nil {
			return err
		}
		if !strings.Contains(log, "has gone away while the task ran") && !strings.Contains(log, "told to end by somebody else") {
			return fmt.Errorf("the task is not told why it has ended: %s", lastLines(log, 10))
		}
		return s.goesOn(ctx)
	}
}

// goesOn sees that Docker, once it runs, has nothing left, and the next task.
func (s *site) goesOn(ctx context.Context) error {
	if err := s.must(ctx, "systemctl reset-failed docker.service docker.socket; systemctl start docker.socket docker.service"); err != nil {
		return err
	}
	if _, err := s.completes(ctx, container("echo works", nil)); err != nil {
		return fmt.Errorf("the next task: %w", err)
	}
	return s.says(ctx, "docker ps --all --quiet | wc -l", "0")
}

// liveRestore: Docker leaves containers running when it is restarted, but their output is lost,
// and so is the task.
func liveRestore(ctx context.Context, s *site) error {
	const file = "/etc/docker/daemon.json"
	if err := s.must(ctx, `echo '{"live-restore": true}' >`+file+" && systemctl restart docker.service"); err != nil {
		return err
	}
	if err := s.says(ctx, "docker info --format '{{.LiveRestoreEnabled}}'", "true"); err != nil {
		return err
	}
	for _, how := range []string{"systemctl restart docker.service", "systemctl stop docker.socket docker.service"} {
		if err := engineEnds(how)(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", how, err)
		}
	}
	return s.must(ctx, `echo '{}' >`+file+" && systemctl restart docker.service")
}

// policy: what the pool's operator does not allow is not given, whatever scopes there are.
func policy(ctx context.Context, s *site) error {
	err := s.configure(ctx, func(worker map[string]any) {
		worker["d2gConfig"] = map[string]any{"enableD2G": true, "allowPrivileged": false}
	})
	if err != nil {
		return err
	}
	log, err := s.does(ctx, container(mounts, payload{"capabilities": payload{"privileged": true}}), "failed", "failed", "docker-worker:capability:privileged")
	if err == nil {
		err = has(log, "allowPrivileged")
	}
	if err != nil {
		return err
	}
	return s.configure(ctx, nil)
}

// podman is the other engine, at its own socket.
func podman(ctx context.Context, s *site) error {
	err := s.must(ctx, `systemctl enable --now podman.socket
mkdir -p /etc/workerkit && echo DOCKER_HOST=unix:///run/podman/podman.sock >/etc/workerkit/environment
systemctl restart start-worker.service`)
	if err != nil {
		return err
	}
	for _, take := range []func(context.Context, *site) error{first, privileged, limits, beyond} {
		if err := take(ctx, s); err != nil {
			return err
		}
	}
	return s.must(ctx, "rm /etc/workerkit/environment && systemctl restart start-worker.service")
}
