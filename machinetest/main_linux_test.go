package main

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	all, err := choose(strings.Join(groupNames(), ","))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, one := range all {
		if names[one.name] {
			t.Errorf("there are two steps %s", one.name)
		}
		names[one.name] = true
	}
	for only, want := range map[string]string{
		"systemd/watchdog":               "systemd/watchdog",
		"systemd/reboot,accounts":        "accounts/task accounts/limits accounts/leavings systemd/reboot",
		"tests":                          "tests/internal/docker tests/worker/engines/container",
		"containers/first,accounts/task": "containers/first accounts/task",
	} {
		var got []string
		chosen, err := choose(only)
		for _, one := range chosen {
			got = append(got, one.name)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("--only %s: %q, %v; want %q", only, got, err, want)
		}
	}
	if _, err := choose("containers,watchdog"); err == nil || !strings.Contains(err.Error(), "systemd/watchdog") {
		t.Errorf("a step that is not there: %v", err)
	}
}

func TestHas(t *testing.T) {
	if err := has("one\ntwo\n", "one", "two"); err != nil {
		t.Error(err)
	}
	if err := has("one\ntwo\n", "one", "three"); err == nil || !strings.Contains(err.Error(), `"three"`) {
		t.Errorf("what is missing is not said: %v", err)
	}
}

func TestFailures(t *testing.T) {
	const out = "=== RUN   TestA\n--- FAIL: TestA (0.01s)\n    --- FAIL: TestA/b (0.00s)\nFAIL\n"
	if got := failures(out, errLate); !strings.HasPrefix(got, "--- FAIL: TestA (0.01s), --- FAIL: TestA/b (0.00s)") {
		t.Errorf("failures are %q", got)
	}
	if got := failures("", errLate); got != errLate.Error() {
		t.Errorf("without any it is %q", got)
	}
}
