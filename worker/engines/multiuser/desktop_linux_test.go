package multiuser

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/accounts/accountstest"
)

// screen is a machine's login manager and who is at its screen.
type screen struct{ next, now string }

func (s *screen) desktop(dir string) *Desktop {
	return &Desktop{
		CurrentFile: filepath.Join(dir, "current-task-user.json"), NextFile: filepath.Join(dir, "next-task-user.json"),
		AutoLogin: func(_ context.Context, next accounts.Account) error { s.next = next.Name; return nil },
		Env:       Display,
		Session:   func(context.Context) (string, error) { return s.now, nil },
		Patience:  100 * time.Millisecond, Poll: time.Millisecond,
	}
}

// TestDesktop goes through boots of a machine.
func TestDesktop(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir := t.TempDir()
	s := &screen{}
	c := config("/home", 1)
	c.Desktop = s.desktop(dir)
	if err := New(c).Open(t.Context()); !errors.Is(err, ErrReboot) || s.next == "" {
		t.Fatalf("the first start: %v, %+v", err, s)
	}
	user, ok, err := accounts.ReadUser(c.Desktop.NextFile)
	if err != nil || !ok || user.Name != s.next || user.Password.Empty() {
		t.Fatalf("the file of the next account: %+v, %v, %v", user, ok, err)
	}
	for range 2 {
		s.now = s.next // the machine boots
		e := open(t, c)
		current, _, err := accounts.ReadUser(c.Desktop.CurrentFile)
		if err != nil || current.Name != s.now || s.next == s.now {
			t.Fatalf("the file of this account: %+v, %v; %+v", current, err, s)
		}
		run := script(t, e, "of_"+s.now[5:]+"_0", "id -un; echo $DISPLAY; echo $XDG_RUNTIME_DIR | grep -c /run/user/$(id -u)")
		if got := run.output(t); got != s.now+"\n:0\n1\n" {
			t.Errorf("the task saw %q", got)
		}
		shut(t, e)
		if left := strings.Join(names(t), " "); !strings.Contains(left, s.now) || !strings.Contains(left, s.next) || len(names(t)) != 2 {
			t.Errorf("there are %s, want %s, whose session it is still, and %s", left, s.now, s.next)
		}
	}
	s.now = "gdm" // nobody logs in
	if err := New(c).Open(t.Context()); !errors.Is(err, ErrReboot) {
		t.Errorf("without a session: %v", err)
	}
	c.Desktop.AutoLogin = func(context.Context, accounts.Account) error { return errTold }
	if err := New(c).Open(t.Context()); !errors.Is(err, errTold) || errors.Is(err, ErrReboot) {
		t.Errorf("when nobody can be logged in: %v", err)
	}
}

func TestAutoLogin(t *testing.T) {
	const wanted = "[daemon]\nAutomaticLoginEnable=true\nAutomaticLogin=task_1\n"
	for name, c := range map[string]struct{ before, after string }{
		"empty":         {"", wanted},
		"other section": {"[security]\nx=1", "[security]\nx=1\n" + wanted},
		"as shipped":    {"# text\n[daemon]\n#  AutomaticLogin = user1\nWaylandEnable=false\n\n[xdmcp]\n", "# text\n" + wanted + "#  AutomaticLogin = user1\nWaylandEnable=false\n\n[xdmcp]\n"},
		"another user":  {"[daemon]\nAutomaticLogin = task_0\nAutomaticLoginEnable=False\nA=1\n[x]\nAutomaticLogin=kept\n", wanted + "A=1\n[x]\nAutomaticLogin=kept\n"},
		"twice":         {wanted + wanted, wanted + "[daemon]\n"},
	} {
		path := filepath.Join(t.TempDir(), "custom.conf")
		if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := AutoLogin(path, "task_1"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != c.after {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.after)
		}
	}
	if err := AutoLogin(filepath.Join(t.TempDir(), "custom.conf"), "task_1"); err == nil {
		t.Error("there is no login manager, and nobody noticed")
	}
}
