//go:build unix

package accounts

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/workerkit/workerkit/internal/rmtree"
)

func (a *Accounts) remove(path string) {
	if err := rmtree.Remove(path); err != nil {
		a.logger.Warn("something of a task's account is left", "error", err)
	}
}

// sweepDir deletes what belongs to the account in a folder that others can write to as well.
func (a *Accounts) sweepDir(dir string, account Account) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // not every system has it
	}
	for _, entry := range entries {
		info, err := entry.Info() // of a link, the link's own
		if err != nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == account.UID {
			a.remove(filepath.Join(dir, entry.Name()))
		}
	}
}
