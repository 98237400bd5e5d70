package main

import (
	"context"
	"fmt"
	"regexp"
)

func accountSteps() []testStep {
	return []testStep{
		{"task", accountTask},
		{"limits", accountLimits},
		{"leavings", leavings},
	}
}

// accountTask runs as an account of its own.
func accountTask(ctx context.Context, s *site) error {
	log, err := s.completes(ctx, native("id -un; pwd; cat /proc/self/cgroup; test ! -r /etc/start-worker.yml"))
	if err != nil {
		return err
	}
	return has(log, "task_", "/home/task_", "/system.slice/start-worker.service/")
}

// accountLimits hold for native tasks.
func accountLimits(ctx context.Context, s *site) error {
	log, err := s.completes(ctx, native(`cd /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup); for name in memory.max pids.max cpu.weight; do echo $name is $(cat $name).; done`))
	if err == nil {
		err = has(log, fmt.Sprintf("memory.max is %d.", memory<<20), fmt.Sprintf("pids.max is %d.", processes), fmt.Sprintf("cpu.weight is %d.", weight))
	}
	if err != nil {
		return err
	}
	if log, err = s.does(ctx, native(eats), "failed", "failed"); err == nil {
		err = has(log, fmt.Sprintf("more than its %d MiB of memory (workerkit.taskLimits)", memory))
	}
	if err != nil {
		return err
	}
	if log, err = s.does(ctx, native(forks), "failed", "failed"); err == nil {
		err = has(log, "workerkit.taskLimits")
	}
	return err
}

// leaves is a task that leaves what it can. What it logs in by SSH for is below a systemd of the
// account's own then, what cron starts is nobody's.
const leaves = `echo account $(id -un) $(id -u).
touch /tmp/left-by-task /var/tmp/left-by-task /dev/shm/left-by-task
setsid sleep 100000 >/dev/null 2>&1 &
echo "* * * * * touch $PWD/begun; sleep 100000" | crontab -
mkdir -m 700 .ssh && ssh-keygen -q -t ed25519 -N '' -f key && mv key.pub .ssh/authorized_keys
while [ ! -e begun ]; do sleep 1; done
ssh="ssh -i key -o StrictHostKeyChecking=no -o BatchMode=yes 127.0.0.1"
$ssh systemd-run --user --unit=left sleep 100000 || exit 1
$ssh sleep 100000 >/dev/null 2>&1 &
pgrep --list-full --uid $(id -u)`

// leavings: nothing of an account is left after its task.
func leavings(ctx context.Context, s *site) error {
	log, err := s.completes(ctx, native(leaves))
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`account (task_\d+) (\d+)\.`).FindStringSubmatch(log)
	if found == nil {
		return has(log, "account task_")
	}
	if err := has(log, "/lib/systemd/systemd --user"); err != nil {
		return err
	}
	name, uid := found[1], found[2]
	look := fmt.Sprintf(`{ getent passwd %[1]s; getent group %[1]s
pgrep --list-full --uid %[2]s
find / -xdev -uid %[2]s 2>/dev/null; find /tmp /dev/shm /run -uid %[2]s 2>/dev/null
ls /var/spool/cron/crontabs | grep %[1]s; ls -d /home/*%[1]s* /run/user/%[2]s
systemctl list-units --plain --no-legend --state=active,activating,deactivating '*%[2]s*'; } 2>/dev/null || true`, name, uid)
	if err := s.says(ctx, look, ""); err != nil {
		return err
	}
	if state, err := s.run(ctx, "systemctl is-failed user@"+uid+".service || true"); err != nil || state == "failed" {
		say("systemd remembers the account's own systemd as failed: it was killed, with all else (systemctl reset-failed)")
		return err
	}
	return nil
}
