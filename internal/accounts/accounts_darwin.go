package accounts

import (
	"context"
	"path/filepath"
	"strconv"
)

func newRegistry(run Runner) registry { return openDirectory{run} }

// quiet ends the account's services, which launchd would start again, and its entries of cron. Where
// it has no services that is an error of no interest.
func (a *Accounts) quiet(ctx context.Context, account Account) {
	for _, domain := range []string{"gui/", "user/"} {
		_, _ = Tools{}.Run(ctx, "", "launchctl", "bootout", domain+strconv.FormatUint(uint64(account.UID), 10))
	}
	a.remove("/var/at/tabs/" + account.Name)
}

// shared lists the folders in which every account can make files: among them those that the system
// makes for each below /var/folders.
func shared() []string {
	folders, _ := filepath.Glob("/var/folders/*") // the pattern is good
	return append(folders, "/tmp", "/var/tmp", "/Users/Shared", "/var/at/jobs", "/var/mail")
}
