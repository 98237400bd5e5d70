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

// unmount takes away the file systems that programs of a user served (FUSE). They outlive the
// programs, and neither they nor what they were mounted on could be removed.
func unmount(uid uint32) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("accounts: list the mounts: %w", err)
	}
	var failed error
	for _, point := range slices.Backward(served(string(table), uid)) { // what is on top first
		err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // else it is gone
			failed = errors.Join(failed, fmt.Errorf("accounts: unmount %s: %w", point, err))
		}
	}
	return failed
}

// served lists where the file systems are mounted that a user serves, as mountinfo has them.
func served(mountinfo string, uid uint32) []string {
	const pointField = 4
	user := "user_id=" + strconv.FormatUint(uint64(uid), 10)
	unquote := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	for line := range strings.Lines(mountinfo) {
		front, back, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(front), strings.Fields(back)
		if len(fields) <= pointField || len(kind) == 0 || !strings.HasPrefix(kind[0], "fuse") {
			continue
		}
		if slices.Contains(strings.Split(kind[len(kind)-1], ","), user) {
			points = append(points, unquote.Replace(fields[pointField]))
		}
	}
	return points
}
