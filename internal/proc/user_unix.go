//go:build unix

package proc

import "syscall"

// credential is the system's word for a user. Changing to another one takes every capability away.
func credential(u *User) *syscall.Credential {
	if u == nil {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
}
