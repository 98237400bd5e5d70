// Package crashtest holds tests only: they run taskcluster-local as a process, kill it in the
// middle of its work, and check that whatever it had acknowledged is there after a restart.
package crashtest
