package accounts

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// disarm deletes what would start processes of the account again: its entries of cron and the
// wish to have its services started without a login.
func (a *Accounts) disarm(name string) {
	for _, path := range []string{"/var/spool/cron/crontabs/", "/var/spool/cron/", "/var/spool/cron/tabs/", "/var/lib/systemd/linger/"} {
		a.remove(path + name)
	}
}

// sweep deletes what belongs to the account in the folders that every account can write to.
func (a *Accounts) sweep(account Account) {
	removeObjects(account.UID)
	for _, dir := range []string{
		"/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", "/var/crash", "/var/spool/cron/atjobs",
		"/var/spool/at", "/var/mail", "/var/spool/mail",
	} {
		a.sweepDir(dir, account)
	}
}

// kill ends processes until there is none: what one of them starts meanwhile is found next time.
// Then it takes away the file systems that they served.
func (*Accounts) kill(ctx context.Context, account Account) error {
	uid := account.UID
	wait := time.Millisecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		pids, err := processes(uid)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return unmount(uid)
		}
		for _, pid := range pids {
			end(pid, uid)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return fmt.Errorf("accounts: kill the processes of user %d: %w", uid, context.Cause(ctx))
		case <-timer.C:
		}
		wait = min(2*wait, 50*time.Millisecond)
	}
}

// end kills a process of the account. It may have ended, and another one may have got its number: so
// it is held first, and looked at again, and only what is held gets the signal.
func end(pid int, uid uint32) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return
	}
	defer process.Release() //nolint:errcheck // there is nothing to be done
	if ofUser(strconv.Itoa(pid), uid) {
		_ = process.Kill() // it may have ended
	}
}

// processes lists the processes that run with a user id: their own, or that of a program with
// the set-user-ID bit which they execute. Ended ones are left out.
func processes(uid uint32) ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("accounts: list the processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("accounts: list the processes: %w", err)
	}
	var found []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && ofUser(name, uid) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// ofUser tells whether a process has not ended and runs with a user id.
func ofUser(pid string, uid uint32) bool {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	return err == nil && runsAs(string(status), strconv.FormatUint(uint64(uid), 10))
}

func runsAs(status, uid string) bool {
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch key {
		case "State":
			if len(fields) > 0 && (fields[0] == "Z" || fields[0] == "X") {
				return false
			}
		case "Uid":
			return slices.Contains(fields, uid)
		}
	}
	return false
}

// removeObjects removes the account's System V shared memory, semaphores and message queues,
// which outlive processes. What cannot be removed is no other account's to use.
func removeObjects(uid uint32) {
	for _, kind := range []struct {
		list   string
		remove func(id int)
	}{
		{"shm", func(id int) { _, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) }},
		{"sem", func(id int) { _, _, _ = unix.Syscall(unix.SYS_SEMCTL, uintptr(id), 0, unix.IPC_RMID) }},
		{"msg", func(id int) { _, _, _ = unix.Syscall(unix.SYS_MSGCTL, uintptr(id), unix.IPC_RMID, 0) }},
	} {
		data, err := os.ReadFile("/proc/sysvipc/" + kind.list)
		if err != nil {
			continue // a kernel without them
		}
		for _, id := range owned(string(data), uid) {
			kind.remove(id)
		}
	}
}

// owned lists the objects of a table of /proc/sysvipc that a user owns or has made.
func owned(table string, uid uint32) []int {
	var ids []int
	var head []string
	want := strconv.FormatUint(uint64(uid), 10)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if head == nil {
			head = fields
			continue
		}
		for i, field := range fields {
			if i < len(head) && (head[i] == "uid" || head[i] == "cuid") && field == want {
				if id, err := strconv.Atoi(fields[1]); err == nil {
					ids = append(ids, id)
				}
				break
			}
		}
	}
	return ids
}
