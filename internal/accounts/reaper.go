package accounts

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reaper ends processes where the system does not list them in files.
type reaper struct {
	run Runner
	// all ends, as the account, every process that the account may send signals to: what one of them
	// starts meanwhile does not escape, and no other's number is mistaken for one of them.
	all func(ctx context.Context, account Account) error
	// one ends a process by its id, as root.
	one func(pid int)
}

// gentle is how many times all is tried before processes are ended one by one: those that have
// become another user (set-user-ID programs) may not obey the account.
const gentle = 3

// end ends processes until there is none.
func (r reaper) end(ctx context.Context, account Account) error {
	wait := time.Millisecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	for round := 0; ; round++ {
		pids, err := r.processes(ctx, account.UID)
		if err == nil && len(pids) == 0 {
			return nil
		}
		if err == nil {
			err = r.all(ctx, account)
		}
		if err != nil {
			return fmt.Errorf("accounts: end the processes of %s: %w", account.Name, err)
		}
		if round >= gentle {
			for _, pid := range pids {
				r.one(pid)
			}
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return fmt.Errorf("accounts: end the processes of %s: %w", account.Name, context.Cause(ctx))
		case <-timer.C:
		}
		wait = min(2*wait, 200*time.Millisecond)
	}
}

// processes lists the processes that run with a user id: their own, or that of a program with the
// set-user-ID bit which they execute. Ended ones are left out.
func (r reaper) processes(ctx context.Context, uid uint32) ([]int, error) {
	out, err := r.run.Run(ctx, "", "ps", "-axo", "pid=,uid=,ruid=,svuid=,state=")
	if err != nil {
		return nil, err //nolint:wrapcheck // by end
	}
	return ofUID(out, uid)
}

// ofUID reads what ps lists.
func ofUID(table string, uid uint32) (pids []int, err error) {
	const columns = 5
	want := strconv.FormatUint(uint64(uid), 10)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		if err != nil || len(fields) != columns {
			return nil, fmt.Errorf("a line of ps is not as it should be: %q", strings.TrimSpace(line))
		}
		ended := strings.HasPrefix(fields[columns-1], "Z")
		if pid > 1 && !ended && slices.Contains(fields[1:columns-1], want) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
