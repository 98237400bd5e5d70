package winuser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/workerkit/workerkit/internal/secret"
)

// machine is a system that notes what it is asked for, and fails where it is told to.
type machine struct {
	calls    []string
	fail     map[string]error // by call without its arguments
	accounts map[string]string
	left     int      // how often a process shows up still
	boot     int      // how often the profiles' service is not ready
	busy     int      // how often a profile is in use
	groups   []string // that there are
	traces   []Trace
	next     Token
	open     map[Token]bool
}

func newMachine() *machine {
	return &machine{fail: map[string]error{}, accounts: map[string]string{}, groups: []string{Users, "Administrators", "one"}, open: map[Token]bool{}}
}

func (m *machine) note(call string, args ...any) error {
	m.calls = append(m.calls, strings.TrimSpace(call+" "+fmt.Sprintln(args...)))
	return m.fail[call]
}

func (m *machine) Add(name string, _ secret.String, comment string) error {
	err := m.note("add", name)
	if err == nil {
		m.accounts[name] = comment
	}
	return err
}

func (m *machine) Remove(name string) error {
	if _, ok := m.accounts[name]; !ok {
		return ErrNoAccount
	}
	delete(m.accounts, name)
	return m.note("remove", name)
}

func (m *machine) List() (list []Entry, err error) {
	for name, comment := range m.accounts {
		list = append(list, Entry{name, comment})
	}
	return list, m.fail["list"]
}

func (m *machine) SID(name string) (string, error) {
	if _, ok := m.accounts[name]; !ok {
		return "", ErrNoAccount
	}
	return "S-1-5-21-" + name, m.fail["sid"]
}

func (m *machine) Join(group, _ string) error {
	if !slices.Contains(m.groups, group) {
		return ErrNoGroup
	}
	return m.note("join", group)
}

func (m *machine) Logon(_ string, _ secret.String, session uint32) (Token, error) {
	if err := m.note("logon", session); err != nil {
		return 0, err
	}
	m.next++
	m.open[m.next] = true
	return m.next, nil
}

func (m *machine) Close(t Token) error {
	delete(m.open, t)
	return m.note("close", t)
}

func (m *machine) Ready() (bool, error) {
	m.boot--
	return m.boot < 0, m.fail["ready"]
}

func (m *machine) Load(_ Token, name string) (uintptr, string, error) {
	return 7, `C:\Users\` + name, m.note("load", name)
}

func (m *machine) Unload(t Token, profile uintptr) error { return m.note("unload", t, profile) }

func (m *machine) Dir(sid string) (string, error) { return `C:\Users\of ` + sid, m.fail["dir"] }

func (m *machine) Delete(string) error {
	if m.busy--; m.busy >= 0 {
		return errors.New("in use")
	}
	return m.note("delete profile")
}

func (m *machine) Of(string) ([]uint32, error) {
	if m.left--; m.left >= 0 {
		return []uint32{42}, nil
	}
	return nil, m.fail["of"]
}

func (m *machine) Kill(pid uint32, _ string) { _ = m.note("kill", pid) }

// kept are a machine's traces.
type kept struct{ m *machine }

func (k kept) Of(Account) ([]Trace, error) { return k.m.traces, k.m.fail["traces"] }

func (k kept) Remove(t Trace) error {
	k.m.left = 1 // it was about to start something
	return k.m.note("remove the", t.Kind, t.Name)
}

func with(m *machine) *Accounts {
	grant := func(_ context.Context, token Token, sid string) error { return m.note("grant", token, sid) }
	return NewWith(System{Book: m, Logons: m, Profiles: m, Processes: m, Traces: kept{m}, Grant: grant}, slog.New(slog.DiscardHandler))
}

func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.boot, m.left, m.busy = 20, 3, 4
		m.traces = []Trace{{ScheduledTask, `\a`}}
		a := with(m)
		account, err := a.Create(t.Context(), "task_1", "ours")
		if err != nil || account.SID != "S-1-5-21-task_1" || account.Home != `C:\Users\task_1` || account.Token != 1 {
			t.Fatalf("%+v, %v", account, err)
		}
		if err := a.Join(t.Context(), &account, []string{"Administrators"}); err != nil || account.Token != 2 {
			t.Errorf("%v, token %d", err, account.Token)
		}
		a.Take(&account, 77)
		if err := a.Delete(t.Context(), account); err != nil {
			t.Error(err)
		}
		want := []string{
			"add task_1", "join " + Users, "logon 0", "load task_1", "join Administrators", "logon 0",
			"kill 42", "kill 42", "kill 42", `remove the scheduled task \a`, "kill 42", "unload 1 7", "close 1", "close 2", "close 77", "delete profile", "remove task_1",
		}
		if !slices.Equal(m.calls, want) {
			t.Errorf("calls\n%q, want\n%q", m.calls, want)
		}
		m.traces = nil
		if err := a.Delete(t.Context(), account); err != nil {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

// Whatever fails while an account is made, nothing of it is left.
func TestHalfMade(t *testing.T) {
	told := errors.New("told to fail")
	for _, call := range []string{"add", "sid", "join", "logon", "load"} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine()
			m.fail[call] = told
			if _, err := with(m).Create(t.Context(), "task_1", "ours"); !errors.Is(err, told) {
				t.Errorf("%s: %v", call, err)
			}
			if len(m.accounts) > 0 || len(m.open) > 0 || slices.Contains(m.calls, "unload 1 7") {
				t.Errorf("%s: left %v, %v; %q", call, m.accounts, m.open, m.calls)
			}
		})
	}
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, begin := newMachine(), time.Now()
		m.boot = 1 << 30
		if _, err := with(m).Create(t.Context(), "task_1", ""); err == nil || time.Since(begin) != profTime || len(m.calls) > 0 {
			t.Errorf("%v after %s, with %q", err, time.Since(begin), m.calls)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m, begin := newMachine(), time.Now()
		a := with(m)
		account, err := a.Create(t.Context(), "task_1", "")
		if err != nil {
			t.Fatal(err)
		}
		m.busy = 1 << 30
		if err := a.Delete(t.Context(), account); err == nil || time.Since(begin) != profileTime || len(m.accounts) != 1 {
			t.Errorf("%v after %s; left %v", err, time.Since(begin), m.accounts)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		a := with(m)
		account, err := a.Create(t.Context(), "task_1", "")
		if err != nil {
			t.Fatal(err)
		}
		m.left = 1 << 30
		ctx, done := context.WithTimeout(t.Context(), time.Minute)
		defer done()
		if err := a.Delete(ctx, account); !errors.Is(err, context.DeadlineExceeded) || len(m.accounts) != 1 {
			t.Errorf("an account with processes was deleted: %v, left %v", err, m.accounts)
		}
	})
}

// An account at the screen gets its further logons there, and the right to show windows.
func TestDesktop(t *testing.T) {
	m := newMachine()
	a := with(m)
	m.accounts["task_1"] = ""
	account, ok, err := a.Lookup("task_1")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	const session = 3
	a.Enter(&account, 55, session)
	if err := a.Join(t.Context(), &account, []string{"one"}); err != nil || account.Token != 1 {
		t.Errorf("%v, token %d", err, account.Token)
	}
	want := []string{"join one", "logon 3", "grant 55 S-1-5-21-task_1"}
	if !slices.Equal(m.calls, want) {
		t.Errorf("calls %q, want %q", m.calls, want)
	}
	told := errors.New("told to fail")
	m.fail["grant"] = told
	if err := a.Join(t.Context(), &account, []string{"one"}); !errors.Is(err, told) || account.Token != 1 || len(m.open) != 1 {
		t.Errorf("%v, token %d, open %v", err, account.Token, m.open)
	}
}

func TestGroupsThatAreNot(t *testing.T) {
	m := newMachine()
	a := with(m)
	account, err := a.Create(t.Context(), "task_1", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{"", " ", "nobody's"} {
		if err := a.Join(t.Context(), &account, []string{group}); !errors.Is(err, ErrNoGroup) || account.Token != 1 {
			t.Errorf("%q: %v", group, err)
		}
	}
}

func TestList(t *testing.T) {
	m := newMachine()
	m.accounts["task_1"], m.accounts["task_2"], m.accounts["somebody"] = "here", "there", "here"
	list, err := with(m).List(func(e Entry) bool { return e.Name != "somebody" && e.Comment == "here" })
	if err != nil || len(list) != 1 || list[0].Name != "task_1" || list[0].SID == "" || list[0].Home == "" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, ok, err := with(m).Lookup("nobody"); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestPasswords(t *testing.T) {
	text := password().Reveal()
	for what, is := range map[string]func(rune) bool{"lower": unicode.IsLower, "upper": unicode.IsUpper, "digit": unicode.IsDigit, "other": unicode.IsPunct} {
		if !strings.ContainsFunc(text, is) {
			t.Errorf("no %s character", what)
		}
	}
	if text == password().Reveal() || len(text) < 20 {
		t.Error("no random password")
	}
}

func TestComments(t *testing.T) {
	for text, want := range map[string]bool{Comment(`C:\Users`): true, Comment(`c:\users`): true, "": true, Comment(`D:\tasks`): false, "somebody's": false} {
		if got := Left(text, `C:\Users`); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
