package resourcecharts

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// readNetwork reads /proc/net/dev.
func readNetwork() (traffic, error) {
	text, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return traffic{}, fmt.Errorf("resourcecharts: %w", err)
	}
	return parseNetwork(text), nil
}

// parseNetwork sums up lines like "  eth0: 7181  93 0 0 0 0 0 0  9403 88 0 0 0 0 0 0", where the first
// and the ninth number are bytes. What the machine sends to itself does not count, nor does what its
// virtual interfaces pass on, which others have counted.
func parseNetwork(text []byte) traffic {
	var all traffic
	for line := range bytes.Lines(text) {
		name, rest, ok := strings.Cut(string(line), ":")
		fields := strings.Fields(rest)
		const sent, enough = 8, 9
		if !ok || len(fields) < enough || virtual(strings.TrimSpace(name)) {
			continue
		}
		in, inErr := strconv.ParseUint(fields[0], 10, 64)
		out, outErr := strconv.ParseUint(fields[sent], 10, 64)
		if inErr == nil && outErr == nil {
			all.received += in
			all.sent += out
		}
	}
	return all
}

func virtual(name string) bool {
	if name == "lo" {
		return true
	}
	for _, prefix := range []string{"veth", "br-", "docker", "virbr", "tap", "tun", "bond", "team", "dummy", "ifb", "wg"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
