package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

func systemdSteps() []testStep {
	return []testStep{
		{"policy", restarts},
		{"watchdog", watchdog},
		{"upgrade", upgrade},
		{"reboot", reboot},
		{"power cut", powerCut},
		{"power-on", powerOn},
	}
}

// main is start-worker's process.
func (s *site) main(ctx context.Context) (string, error) {
	return s.run(ctx, "systemctl show --value --property=MainPID start-worker.service")
}

// ready waits until the worker works, and returns start-worker's process.
func (s *site) ready(ctx context.Context) (pid string, err error) {
	err = s.until(ctx, "start-worker does not work", func() (bool, error) {
		said, err := s.run(ctx, "systemctl show --value --property=MainPID,ActiveState,StatusText start-worker.service")
		pid, _, _ = strings.Cut(said, "\n")
		return strings.Contains(said, "\nactive") && strings.Contains(said, "working as rack/machine"), err
	})
	return pid, err
}

// renewed waits until another start-worker than that works, and a task is done.
func (s *site) renewed(ctx context.Context, was string) error {
	err := s.until(ctx, "there is no new start-worker", func() (bool, error) {
		pid, err := s.main(ctx)
		return pid != was && pid != "0", err
	})
	if err != nil {
		return err
	}
	return s.works(ctx)
}

// works sees that a task is done.
func (s *site) works(ctx context.Context) error {
	_, err := s.completes(ctx, native("echo works"))
	return err
}

// waiter is a task that runs until it may end; its command runs when waiter returns.
func (s *site) waiter(ctx context.Context, name string) (string, error) {
	id, err := s.begun(ctx, native("touch /var/tmp/begun-"+name+"; while [ ! -e /var/tmp/end-"+name+" ]; do sleep 1; done"))
	if err != nil {
		return "", err
	}
	return id, s.says(ctx, "ls /var/tmp/begun-"+name+" || true", "/var/tmp/begun-"+name)
}

// finish lets a waiter end.
func (s *site) finish(ctx context.Context, id, name string) error {
	if err := s.must(ctx, "touch /var/tmp/end-"+name); err != nil {
		return err
	}
	return s.becomes(ctx, id, 0, "completed", "completed")
}

// restarts: systemd starts start-worker again when it was killed; start-worker the worker; and
// nobody what was stopped, or is broken.
func restarts(ctx context.Context, s *site) error {
	pid, err := s.ready(ctx)
	if err != nil {
		return err
	}
	if err := s.must(ctx, "kill -KILL "+pid); err != nil {
		return err
	}
	if err := s.renewed(ctx, pid); err != nil {
		return fmt.Errorf("start-worker was killed: %w", err)
	}
	if pid, err = s.ready(ctx); err != nil {
		return err
	}
	worker, err := s.run(ctx, "pgrep --parent "+pid+" --full generic-worker")
	if err != nil {
		return err
	}
	if err := s.must(ctx, "kill -KILL "+worker); err != nil {
		return err
	}
	if err := s.works(ctx); err != nil {
		return fmt.Errorf("the worker was killed: %w", err)
	}
	if now, err := s.main(ctx); err != nil || now != pid {
		return errors.Join(err, fmt.Errorf("the worker was killed: start-worker is %s, not %s", now, pid))
	}
	return s.ends(ctx)
}

// ends are the ends after which nothing starts again.
func (s *site) ends(ctx context.Context) error {
	if err := s.must(ctx, "systemctl stop start-worker.service"); err != nil {
		return err
	}
	if err := s.says(ctx, "systemctl is-active start-worker.service || true", "inactive"); err != nil {
		return err
	}
	// There is no gdm3, so the worker cannot have the desktop that it is asked for.
	err := s.configure(ctx, func(worker map[string]any) { worker["headlessTasks"] = false })
	if err != nil {
		return err
	}
	if err := s.says(ctx, "systemctl is-active start-worker.service || true", "failed"); err != nil {
		return err
	}
	said, err := s.run(ctx, "systemctl show --property=NRestarts,ExecMainStatus start-worker.service; journalctl --no-pager --lines=60 --output=cat --unit=start-worker.service")
	if err == nil {
		err = has(said, "NRestarts=0", "ExecMainStatus=1", "gdm3")
	}
	if err != nil {
		return err
	}
	return s.configure(ctx, nil)
}

// watchdog: a start-worker that hangs is started anew, but not while a task runs. The unit's three
// minutes are half a minute here.
func watchdog(ctx context.Context, s *site) error {
	const bite = 30 * time.Second
	err := s.must(ctx, `mkdir -p /etc/systemd/system/start-worker.service.d
printf '[Service]\nWatchdogSec=30\n' >/etc/systemd/system/start-worker.service.d/watchdog.conf
systemctl daemon-reload && systemctl restart start-worker.service`)
	if err != nil {
		return err
	}
	pid, err := s.ready(ctx)
	if err != nil {
		return err
	}
	id, err := s.waiter(ctx, "watchdog")
	if err != nil {
		return err
	}
	if err := s.says(ctx, "systemctl show --value --property=WatchdogUSec start-worker.service", "0"); err != nil {
		return err
	}
	// As much time as the watchdog would need twice, by the machine's own clock.
	err = s.must(ctx, fmt.Sprintf("kill -STOP %s; sleep %.0f; kill -CONT %s", pid, 2*bite.Seconds(), pid))
	if err != nil {
		return err
	}
	if now, err := s.main(ctx); err != nil || now != pid {
		return errors.Join(err, fmt.Errorf("with a task: start-worker is %s, not %s", now, pid))
	}
	if err := s.finish(ctx, id, "watchdog"); err != nil {
		return fmt.Errorf("with a task: %w", err)
	}
	if err := s.says(ctx, "systemctl show --value --property=WatchdogUSec start-worker.service", "30s"); err != nil {
		return err
	}
	if err := s.must(ctx, "kill -STOP "+pid); err != nil {
		return err
	}
	began := time.Now()
	if err := s.renewed(ctx, pid); err != nil {
		return fmt.Errorf("without a task: %w", err)
	}
	say("a start-worker that hangs is replaced, and the next task done, after %.1f s; the watchdog is at %s", time.Since(began).Seconds(), bite)
	said, err := s.run(ctx, "systemctl show --property=NRestarts start-worker.service; journalctl --boot --no-pager --output=cat --unit=start-worker.service | grep result")
	if err == nil {
		err = has(said, "NRestarts=1", "Failed with result 'watchdog'")
	}
	if err != nil {
		return err
	}
	return s.must(ctx, "rm /etc/systemd/system/start-worker.service.d/watchdog.conf && systemctl daemon-reload")
}

// upgrade: the old version finishes its task, the new one does the next.
func upgrade(ctx context.Context, s *site) error {
	pid, err := s.ready(ctx)
	if err != nil {
		return err
	}
	id, err := s.waiter(ctx, "upgrade")
	if err != nil {
		return err
	}
	if err := s.must(ctx, "dpkg --install "+partsFolder+"/"+newVersion+".deb"); err != nil {
		return err
	}
	if now, err := s.main(ctx); err != nil || now != pid {
		return errors.Join(err, fmt.Errorf("in mid-task start-worker is %s, not %s", now, pid))
	}
	if err := s.finish(ctx, id, "upgrade"); err != nil {
		return err
	}
	if err := s.renewed(ctx, pid); err != nil {
		return err
	}
	if pid, err = s.ready(ctx); err != nil {
		return err
	}
	said, err := s.run(ctx, "readlink /proc/"+pid+"/exe; /proc/"+pid+"/exe --short-version")
	if err == nil {
		err = has(said, "/usr/bin/start-worker\n", newVersion)
	}
	return err
}

// reboot: a machine that boots again in mid-task hands the task back before, and goes on with it.
func reboot(ctx context.Context, s *site) error {
	return s.interrupted(ctx, "reboot", func() error {
		s.guest.Expect()
		return s.must(ctx, "systemctl --no-block reboot")
	})
}

// powerCut: the worker that comes back finds the claim of the one that was killed, and hands it back.
func powerCut(ctx context.Context, s *site) error {
	return s.interrupted(ctx, "power", func() error {
		s.guest.Expect()
		return s.guest.Reset(ctx)
	})
}

// interrupted has the machine begin anew in mid-task.
func (s *site) interrupted(ctx context.Context, name string, how func() error) error {
	id, err := s.waiter(ctx, name)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := how(); err != nil {
		return err
	}
	select {
	case <-s.guest.Marked("kernel"):
	case <-s.guest.Ended:
		return errors.New("the machine is off")
	case <-time.After(s.patience):
		return fmt.Errorf("the machine does not boot: %w", errLate)
	}
	booted := time.Now()
	if err := s.connect(ctx); err != nil {
		return err
	}
	if err := s.becomes(ctx, id, 0, "exception", "worker-shutdown"); err != nil {
		return err
	}
	if err := s.becomes(ctx, id, 1, "running", ""); err != nil {
		return err
	}
	say("%s: the kernel begins after %.1f s, the task again %.1f s later", name, booted.Sub(began).Seconds(), time.Since(booted).Seconds())
	if err := s.must(ctx, "touch /var/tmp/end-"+name); err != nil {
		return err
	}
	return s.becomes(ctx, id, 1, "completed", "completed")
}

// powerOn switches the machine off by its button and on again, with a task that waits.
func powerOn(ctx context.Context, s *site) error {
	if _, err := s.ready(ctx); err != nil {
		return err
	}
	if err := s.guest.PressPower(ctx); err != nil {
		return err
	}
	select {
	case <-s.guest.Ended:
	case <-time.After(s.patience):
		return fmt.Errorf("the machine does not switch itself off: %w", errLate)
	}
	if err := s.switchOn(ctx); err != nil {
		return err
	}
	if err := s.works(ctx); err != nil {
		return err
	}
	// By the machine's own clock, which begins with its kernel.
	said, err := s.run(ctx, `systemctl show --value --property=ExecMainStartTimestampMonotonic start-worker.service
journalctl --boot --output=short-monotonic --no-pager --unit=start-worker.service | grep --max-count=1 --ignore-case 'claim' || true
systemd-analyze time`)
	say("power-on: %s", strings.ReplaceAll(said, "\n", "; "))
	return err
}
