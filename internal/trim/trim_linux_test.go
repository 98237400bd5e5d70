package trim_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/trim"
)

// TestTrim: the program goes on with its code gone from memory, and is smaller.
func TestTrim(t *testing.T) {
	before := resident(t)
	looked, err := trim.Trim()
	if err != nil || looked < 1<<20 {
		t.Fatalf("%d bytes, %v", looked, err)
	}
	if after := resident(t); after >= before {
		t.Errorf("%d kB of files are in memory, before it were %d", after, before)
	}
}

// resident is how much of files this process has in memory, in kB.
func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
