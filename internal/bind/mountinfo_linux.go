package bind

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// entry is a mount as the system lists it.
type entry struct {
	id     uint64
	device string
	root   string // of what is mounted, in its file system
	point  string
}

// mounted lists what is mounted in this process's namespace, in the order in which it was.
func mounted() ([]entry, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("bind: list the mounts: %w", err)
	}
	return parse(string(table)), nil
}

func parse(mountinfo string) (all []entry) {
	const fieldDevice, fieldRoot, fieldPoint = 2, 3, 4
	unquote := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) <= fieldPoint {
			continue
		}
		id, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			continue
		}
		all = append(all, entry{id, fields[fieldDevice], unquote.Replace(fields[fieldRoot]), unquote.Replace(fields[fieldPoint])})
	}
	return all
}

// clearBelow unmounts what is on top first, without waiting for whoever serves it. A link in place of the
// folder leads nowhere.
func clearBelow(dir string) error {
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir)) // as the list has it
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	below := filepath.Join(parent, filepath.Base(dir)) + "/"
	all, err := mounted()
	for _, e := range slices.Backward(all) {
		if strings.HasPrefix(e.point, below) {
			err = errors.Join(err, detach(e.point))
		}
	}
	return err
}

// hide goes by where the list says that mounts come from: a folder is at one place of one file system,
// however often that is mounted.
func hide(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	all, listed := mounted()
	if err := errors.Join(err, listed); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	device, root := origin(all, dir)
	for _, e := range slices.Backward(all) {
		if e.device == device && e.root == root && e.point != dir {
			err = errors.Join(err, detach(e.point))
		}
	}
	return err
}

// origin tells where a path is in its file system: below the root of the last mount above it.
func origin(all []entry, path string) (device, root string) {
	longest := -1
	for _, e := range all {
		point := strings.TrimSuffix(e.point, "/")
		if len(point) >= longest && strings.HasPrefix(path+"/", point+"/") {
			longest, device, root = len(point), e.device, filepath.Join(e.root, path[len(point):])
		}
	}
	return device, root
}
