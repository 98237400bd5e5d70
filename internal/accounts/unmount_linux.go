package accounts

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmountOwn takes away what a worker mounted for a user, and left when it was killed: folders and files of
// the machine at a second place, seen as the user's own. What is in them is not the user's to lose.
func unmountOwn(uid uint32) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("accounts: list the mounts: %w", err)
	}
	for _, point := range slices.Backward(parts(string(table))) {
		var stat unix.Stat_t
		if unix.Lstat(point, &stat) == nil && stat.Uid == uid {
			err = errors.Join(err, takeAway(point))
		}
	}
	return err
}

// parts lists where parts of the machine's own file systems are mounted, as mountinfo has them. Others may be
// served by somebody who does not answer.
func parts(mountinfo string) (points []string) {
	const rootField, pointField = 3, 4
	for line := range strings.Lines(mountinfo) {
		front, back, _ := strings.Cut(line, " - ")
		fields := strings.Fields(front)
		if len(fields) <= pointField || fields[rootField] == "/" || strings.HasPrefix(back, "fuse") || strings.HasPrefix(back, "nfs") {
			continue
		}
		points = append(points, unquote(fields[pointField]))
	}
	return points
}

// unmount takes away the file systems that programs of a user served (FUSE). They outlive the
// programs, and neither they nor what they were mounted on could be removed.
func unmount(uid uint32) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("accounts: list the mounts: %w", err)
	}
	var failed error
	for _, point := range slices.Backward(served(string(table), uid)) { // what is on top first
		failed = errors.Join(failed, takeAway(point))
	}
	return failed
}

func takeAway(point string) error {
	err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // else it is gone
		return fmt.Errorf("accounts: unmount %s: %w", point, err)
	}
	return nil
}

// unquote is a path as mountinfo has it.
func unquote(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// served lists where the file systems are mounted that a user serves, as mountinfo has them.
func served(mountinfo string, uid uint32) []string {
	const pointField = 4
	user := "user_id=" + strconv.FormatUint(uint64(uid), 10)
	var points []string
	for line := range strings.Lines(mountinfo) {
		front, back, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(front), strings.Fields(back)
		if len(fields) <= pointField || len(kind) == 0 || !strings.HasPrefix(kind[0], "fuse") {
			continue
		}
		if slices.Contains(strings.Split(kind[len(kind)-1], ","), user) {
			points = append(points, unquote(fields[pointField]))
		}
	}
	return points
}
