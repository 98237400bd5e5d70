package firewall

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// toolTime bounds a tool that changes rules.
const toolTime = 30 * time.Second

// errNoTool says what is missing.
var errNoTool = errors.New("neither nft nor iptables is installed: install nftables")

// find returns the best of the tools that are installed.
func find(owner string) (rules, error) {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(owner)) // never fails
	name := fmt.Sprintf("workerkit_%08x", sum.Sum32())
	if path := lookup("nft"); path != "" {
		return &nft{path: path, table: "inet " + name}, nil
	}
	four, six := lookup("iptables"), lookup("ip6tables")
	if four == "" || lookup("iptables-restore") == "" || six == "" || lookup("ip6tables-restore") == "" {
		return nil, errNoTool
	}
	return &iptables{chain: name, four: four, six: six}, nil
}

// lookup finds a program where the system's own are: a PATH may not have them.
func lookup(name string) string {
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// tool runs a program of the system, which gets nothing of the worker's environment.
func tool(ctx context.Context, input, path string, args ...string) (string, error) {
	ctx, done := context.WithTimeout(ctx, toolTime)
	defer done()
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // the callers' constants, and names of ours
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(path), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// subordinate lists the ids that a user may take on in a user namespace: on the outside, the
// user's sockets then have those.
func subordinate(u User) ([]span, error) {
	data, err := os.ReadFile("/etc/subuid")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err //nolint:wrapcheck // names the file
	}
	return further(string(data), u)
}

// further reads the lines NAME:FIRST:COUNT of a user, whom they may also name by the id.
func further(file string, u User) ([]span, error) {
	var found []span
	for line := range strings.Lines(file) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 3 || fields[0] != u.Name && fields[0] != strconv.FormatUint(uint64(u.UID), 10) {
			continue
		}
		first, err := strconv.ParseUint(fields[1], 10, 32)
		count, countErr := strconv.ParseUint(fields[2], 10, 32)
		if err := errors.Join(err, countErr); err != nil {
			return nil, fmt.Errorf("/etc/subuid: %s: %w", u.Name, err)
		}
		if count > 0 {
			found = append(found, span{uint32(first), uint32(min(first+count-1, 1<<32-2))}) //nolint:gosec // bounded above
		}
	}
	return found, nil
}
