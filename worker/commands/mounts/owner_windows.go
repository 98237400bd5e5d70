package mounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/ntacl"
	"github.com/workerkit/workerkit/internal/proc"
)

// owner is not told apart here: what a task may not touch it cannot move into a mount either, as that
// takes the right to delete it.
type owner struct{ uid, gid uint32 }

func ownerOf(fs.FileInfo) owner { return owner{} }

func everybody(owner) bool { return true }

// own gives a folder or file and all below it to a user that is logged on. Links are not followed.
func own(ctx context.Context, path string, u proc.User, _ func(owner) bool) error {
	if u.Token == 0 {
		return nil // the worker's own: it may do everything as it is
	}
	user, err := windows.Token(u.Token).GetTokenUser()
	if err != nil {
		return fmt.Errorf("whose %s is to be: %w", path, err)
	}
	return ntacl.GiveTree(ctx, path, user.User.Sid.String()) //nolint:wrapcheck // says what failed
}

// closed is nil: the worker's folders have access lists of their own.
func closed(string) error { return nil }

func ownedLike(*os.Root, string, fs.FileInfo) error { return nil }

func isOtherDevice(err error) bool { return errors.Is(err, windows.ERROR_NOT_SAME_DEVICE) }
