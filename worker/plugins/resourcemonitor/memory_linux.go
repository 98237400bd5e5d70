package resourcemonitor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
)

// readMemory reads /proc/meminfo.
func readMemory() (memory, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return memory{}, fmt.Errorf("resourcemonitor: %w", err)
	}
	return parse(data)
}

// parse reads lines like "MemTotal:       24680204 kB".
func parse(meminfo []byte) (memory, error) {
	var m memory
	lines := bufio.NewScanner(bytes.NewReader(meminfo))
	found := 0
	for lines.Scan() && found < 2 {
		var name string
		var kib uint64
		if n, _ := fmt.Sscan(lines.Text(), &name, &kib); n < 2 {
			continue
		}
		switch name {
		case "MemTotal:":
			m.total = kib * 1024
			found++
		case "MemAvailable:":
			m.available = kib * 1024
			found++
		}
	}
	if found < 2 || m.total == 0 {
		return memory{}, errors.New("resourcemonitor: /proc/meminfo does not say how much memory there is")
	}
	return m, nil
}
