package accounts

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/workerkit/workerkit/internal/secret"
)

// machine is a system without tools: it does what the tools of one would, and remembers how it was asked.
type machine struct {
	users  map[string]map[string]string // of each name the properties
	groups map[string][]string          // of each group its id and members
	asked  []string                     // the command lines
	input  string                       // of the last one
	fail   map[string]string            // of the beginning of a command line, what it says when it fails
}

func newMachine() *machine {
	return &machine{
		users:  map[string]map[string]string{"root": {"UniqueID": "0", "PrimaryGroupID": "0", "NFSHomeDirectory": "/root"}, "nobody": {"UniqueID": "65534", "PrimaryGroupID": "65534", "NFSHomeDirectory": "/none"}},
		groups: map[string][]string{"wheel": {"0", "root"}, "video": {"44"}},
		fail:   map[string]string{},
	}
}

func (m *machine) Run(_ context.Context, input, name string, args ...string) (string, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	m.asked, m.input = append(m.asked, line), input
	for beginning, says := range m.fail {
		if strings.HasPrefix(line, beginning) {
			return "", &ToolError{Tool: name, Code: 1, Said: says, Err: errors.New("exit status 1")}
		}
	}
	switch name {
	case "dscl":
		return m.dscl(args[1], args[2], args[3:])
	case "dseditgroup": // -o edit -a|-d NAME -t user GROUP
		group, who := args[len(args)-1], args[3]
		if args[2] == "-a" {
			m.groups[group] = append(m.groups[group], who)
		} else {
			m.groups[group] = slices.DeleteFunc(m.groups[group], func(s string) bool { return s == who })
		}
	case "createhomedir":
		return "", os.Mkdir(m.users[args[2]]["NFSHomeDirectory"], 0o755)
	case "pw":
		return m.pw(args[0], args[1:])
	}
	return "", nil
}

func (m *machine) dscl(verb, path string, args []string) (string, error) {
	var out strings.Builder
	kind, name, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case verb == "-list" && kind == "Users":
		for user, properties := range m.users {
			if value, ok := properties[args[0]]; ok {
				out.WriteString(user + "      " + value + "\n")
			}
		}
	case verb == "-list":
		for group, values := range m.groups {
			value := values[0]
			if args[0] == "GroupMembership" {
				value = strings.Join(values[1:], " ")
			}
			out.WriteString(group + "      " + value + "\n")
		}
	case verb == "-create" && len(args) == 0:
		m.users[name] = map[string]string{}
	case verb == "-create":
		m.users[name][args[0]] = args[1]
	case verb == "-delete":
		if m.users[name] == nil {
			return "", &ToolError{Tool: "dscl", Code: 56, Said: "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)", Err: errors.New("exit status 56")}
		}
		delete(m.users, name)
	}
	return out.String(), nil
}

func (m *machine) pw(verb string, args []string) (string, error) {
	value := func(flag string) string { return args[slices.Index(args, flag)+1] }
	var out strings.Builder
	switch verb {
	case "usershow":
		for user, p := range m.users {
			out.WriteString(strings.Join([]string{user, "*", p["UniqueID"], p["PrimaryGroupID"], "", "0", "0", "User &", p["NFSHomeDirectory"], "/bin/sh"}, ":") + "\n")
		}
	case "groupshow":
		for group, values := range m.groups {
			out.WriteString(group + ":*:" + values[0] + ":" + strings.Join(values[1:], ",") + "\n")
		}
	case "useradd":
		m.users[value("-n")] = map[string]string{"UniqueID": value("-u"), "PrimaryGroupID": value("-u"), "NFSHomeDirectory": value("-d")}
		return "", os.Mkdir(value("-d"), 0o700)
	case "groupmod":
		m.groups[value("-n")] = append(m.groups[value("-n")], value("-m"))
	case "userdel":
		if m.users[value("-n")] == nil {
			return "", &ToolError{Tool: "pw", Code: 67, Said: "pw: no such user", Err: errors.New("exit status 67")}
		}
		delete(m.users, value("-n"))
	}
	return out.String(), nil
}

// both runs a test with the accounts of either system.
func both(t *testing.T, test func(t *testing.T, m *machine, k kept)) {
	t.Helper()
	for name, made := range map[string]func(*machine) registry{
		"macOS":   func(m *machine) registry { return openDirectory{m} },
		"FreeBSD": func(m *machine) registry { return pw{m} },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			none := reaper{run: m, all: func(context.Context, Account) error { return nil }}
			test(t, m, kept{
				registry: made(m), reaper: none, logger: slog.New(slog.DiscardHandler), files: new(sync.Mutex), next: new(uint32),
				quiet: func(context.Context, Account) {}, sweep: func(Account) {},
			})
		})
	}
}

// TestLife is the life of an account from its making to its end.
func TestLife(t *testing.T) {
	both(t, func(t *testing.T, m *machine, k kept) {
		parent := t.TempDir()
		account, err := k.create(t.Context(), parent)
		if err != nil {
			t.Fatal(err)
		}
		if !IsTask(account.Name) || len(account.Name) > 20 || account.UID < firstUID || account.UID > lastUID || account.GID == 0 || filepath.Dir(account.Home) != parent {
			t.Errorf("made as %+v", account)
		}
		if info, err := os.Stat(account.Home); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("its home is %v, %v", info.Mode(), err)
		}
		if got, ok, err := k.lookup(t.Context(), account.Name); err != nil || !ok || got.UID != account.UID || got.Home != account.Home {
			t.Errorf("found as %+v, %t, %v", got, ok, err)
		}
		if left, err := k.left(t.Context(), parent); err != nil || len(left) != 1 || left[0].Name != account.Name {
			t.Errorf("left: %+v, %v", left, err)
		}
		if left, err := k.left(t.Context(), "/elsewhere"); err != nil || len(left) != 0 {
			t.Errorf("left elsewhere: %+v, %v", left, err)
		}
		if err := k.join(t.Context(), &account, []string{"video"}); err != nil || !slices.Equal(account.Groups, []uint32{44}) {
			t.Errorf("joined %v, %v", account.Groups, err)
		}
		if !slices.Contains(m.groups["video"], account.Name) {
			t.Error("it is no member")
		}
		for range 2 { // an account that is gone is no error
			if err := k.delete(t.Context(), account); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok, err := k.lookup(t.Context(), account.Name); ok || err != nil {
			t.Errorf("it is left, %v", err)
		}
		if _, err := os.Stat(account.Home); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its home is left: %v", err)
		}
		if _, mac := k.registry.(openDirectory); mac && slices.Contains(m.groups["video"], account.Name) {
			t.Error("the group has it still")
		}
	})
}

// TestUserIDs: none that somebody has, and none twice in a row.
func TestUserIDs(t *testing.T) {
	both(t, func(t *testing.T, m *machine, k kept) {
		*k.next = lastUID - 1
		m.users["somebody"] = map[string]string{"UniqueID": "49999", "PrimaryGroupID": "1", "NFSHomeDirectory": "/"}
		for _, want := range []uint32{lastUID - 1, firstUID, firstUID + 1} {
			account, err := k.create(t.Context(), t.TempDir())
			if err != nil || account.UID != want {
				t.Errorf("the user id is %d, not %d: %v", account.UID, want, err)
			}
			if err := k.delete(t.Context(), account); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestHalfMade: what cannot be made whole is taken away.
func TestHalfMade(t *testing.T) {
	for name, c := range map[string]struct {
		made func(*machine) registry
		fail string
	}{
		"no home":     {func(m *machine) registry { return openDirectory{m} }, "createhomedir"},
		"no property": {func(m *machine) registry { return openDirectory{m} }, "dscl . -create /Users/task_"},
		"no account":  {func(m *machine) registry { return pw{m} }, "pw useradd"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			m.fail[c.fail] = "no"
			k := kept{registry: c.made(m), files: new(sync.Mutex), next: new(uint32)}
			if _, err := k.create(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no") {
				t.Errorf("made: %v", err)
			}
			if len(m.users) != 2 {
				t.Errorf("left: %v", m.users)
			}
		})
	}
}

// TestOthers: accounts that are no task's are not touched.
func TestOthers(t *testing.T) {
	both(t, func(t *testing.T, m *machine, k kept) {
		before := len(m.asked)
		for _, account := range []Account{{Name: "somebody", UID: 501}, {Name: "task_1", UID: 0}} {
			if k.delete(t.Context(), account) == nil || k.kill(t.Context(), account) == nil || k.join(t.Context(), &account, nil) == nil {
				t.Errorf("%+v is taken for a task's", account)
			}
		}
		if len(m.asked) != before {
			t.Errorf("the system was asked: %q", m.asked[before:])
		}
		if err := k.join(t.Context(), &Account{Name: "task_1", UID: 7}, []string{"video", "none"}); !errors.Is(err, ErrNoGroup) {
			t.Errorf("a group that is not there: %v", err)
		}
		if len(m.groups["video"]) != 1 {
			t.Error("it joined one of the groups")
		}
	})
}

// TestPasswords: on FreeBSD through standard input, and in no error.
func TestPasswords(t *testing.T) {
	both(t, func(t *testing.T, m *machine, k kept) {
		if err := k.setPassword(t.Context(), "task_1", secret.New("word")); err != nil {
			t.Fatal(err)
		}
		last := m.asked[len(m.asked)-1]
		if _, free := k.registry.(pw); free && (strings.Contains(last, "word") || m.input != "word\n") {
			t.Errorf("asked %q with the input %q", last, m.input)
		}
		m.fail["dscl"], m.fail["pw"] = "no", "no"
		if err := k.setPassword(t.Context(), "task_1", secret.New("word")); err == nil || strings.Contains(err.Error(), "word") {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestNoFullDiskAccess: the error says what to do.
func TestNoFullDiskAccess(t *testing.T) {
	m := newMachine()
	m.fail["dscl . -delete"] = "<dscl_cmd> DS Error: -14120 (eDSPermissionError)"
	if err := (openDirectory{m}).remove(t.Context(), "task_1"); err == nil || !strings.Contains(err.Error(), "Full Disk Access") {
		t.Errorf("the error is %v", err)
	}
}
