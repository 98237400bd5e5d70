package accounts

import "context"

func newRegistry(run Runner) registry { return pw{run} }

// quiet deletes the account's entries of cron.
func (a *Accounts) quiet(_ context.Context, account Account) {
	a.remove("/var/cron/tabs/" + account.Name)
}

// shared lists the folders in which every account can make files.
func shared() []string { return []string{"/tmp", "/var/tmp", "/var/at/jobs", "/var/mail"} }
