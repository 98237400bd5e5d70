//go:build unix

package accounts

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestProcesses: what this system's own ps says is understood.
func TestProcesses(t *testing.T) {
	if _, err := os.Stat("/bin/ps"); err != nil {
		t.Skip("there is no ps: install procps")
	}
	pids, err := reaper{run: Tools{}}.processes(t.Context(), uint32(os.Getuid())) //nolint:gosec // not negative
	if err != nil || !slices.Contains(pids, os.Getpid()) {
		t.Errorf("this process %d is not among %v: %v", os.Getpid(), pids, err)
	}
	const nobodys = 3999999999
	if pids, err = (reaper{run: Tools{}}).processes(t.Context(), nobodys); err != nil || len(pids) > 0 {
		t.Errorf("processes of a user who has none: %v, %v", pids, err)
	}
}

func TestTable(t *testing.T) {
	const table = "   1    0    0    0 Ss\n  70  501  501  501 S+\n  71    0  501    0 S\n  72  501  501  501 Z+\n  73    0    0  501 R\n"
	pids, err := ofUID(table, 501)
	if err != nil || !slices.Equal(pids, []int{70, 71, 73}) {
		t.Errorf("found %v, %v", pids, err)
	}
	for _, bad := range []string{"what is this", "70 501 501\n"} {
		if _, err := ofUID(bad, 501); err == nil {
			t.Errorf("%q is understood", bad)
		}
	}
}

// crowd are processes of user 501, as ps lists them.
type crowd struct{ table []string }

func (c *crowd) Run(context.Context, string, string, ...string) (string, error) {
	return strings.Join(c.table, ""), nil
}

// TestEnd: those that obey the account go at once, the others one by one.
func TestEnd(t *testing.T) {
	c := &crowd{table: []string{"70 501 501 501 S\n", "71 0 501 0 S\n"}}
	var killed []int
	r := reaper{
		run: c,
		all: func(context.Context, Account) error {
			c.table = slices.DeleteFunc(c.table, func(line string) bool { return strings.HasPrefix(line, "70 ") })
			return nil
		},
		one: func(pid int) { killed, c.table = append(killed, pid), nil },
	}
	if err := r.end(t.Context(), Account{Name: "task_1", UID: 501}); err != nil || !slices.Equal(killed, []int{71}) {
		t.Errorf("killed one by one: %v, %v", killed, err)
	}
	c.table, r.one = []string{"72 501 501 501 S\n"}, func(int) {}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTest)
	if err := r.end(ctx, Account{Name: "task_1", UID: 501}); !errors.Is(err, errTest) {
		t.Errorf("what cannot be killed: %v", err)
	}
}

var errTest = errors.New("of the test")

// TestTools: what a tool says when it fails is known, and its arguments are not in the error.
func TestTools(t *testing.T) {
	out, err := Tools{}.Run(t.Context(), "in", "sh", "-c", "cat; echo $HOME")
	if err != nil || out != "in\n" {
		t.Errorf("printed %q, %v", out, err)
	}
	_, err = Tools{}.Run(t.Context(), "", "sh", "-c", "echo sad >&2; exit 7 # secret")
	told := new(ToolError)
	if !errors.As(err, &told) || told.Code != 7 || told.Said != "sad" || strings.Contains(err.Error(), "secret") {
		t.Errorf("failed as %v", err)
	}
}
