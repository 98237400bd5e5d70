package winuser

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/secret"
)

// settings are some that fail at a step, or never.
type settings struct {
	values, secrets map[string]string
	steps, fail     int
}

var errTold = errors.New("told to fail")

func (r *settings) step(do func()) error {
	r.steps++
	if r.steps == r.fail {
		return errTold
	}
	do()
	return nil
}

func (r *settings) Set(name, value string) error {
	return r.step(func() { r.values[name] = value })
}

func (r *settings) Unset(name string) error { return r.step(func() { delete(r.values, name) }) }

func (r *settings) Secret(name string, value secret.String) error {
	return r.step(func() { r.secrets[name] = value.Reveal() })
}

func TestAutoLogon(t *testing.T) {
	const steps = 7
	for fail := range steps + 1 {
		r := &settings{
			values:  map[string]string{"AutoAdminLogon": "1", "DefaultUserName": "task_0", "DefaultPassword": "old", "AutoLogonCount": "3"},
			secrets: map[string]string{}, fail: fail,
		}
		err := AutoLogon(r, "task_1", secret.New("new"))
		if (fail > 0) != errors.Is(err, errTold) || err != nil && strings.Contains(err.Error(), "new") {
			t.Errorf("step %d: %v", fail, err)
		}
		for name, value := range r.values {
			if value == "new" {
				t.Errorf("step %d: the password is in %s, which everybody can read", fail, name)
			}
		}
		if on := r.values["AutoAdminLogon"] == "1"; fail > 1 && on {
			t.Errorf("step %d: somebody is logged on: %v", fail, r.values)
		}
		_, counted := r.values["AutoLogonCount"]
		_, plain := r.values["DefaultPassword"]
		if fail == 0 && (r.values["DefaultUserName"] != "task_1" || r.values["AutoAdminLogon"] != "1" || r.secrets["DefaultPassword"] != "new" || counted || plain) {
			t.Errorf("%v, %v", r.values, r.secrets)
		}
	}
}

// tokens tell of one token.
type tokens struct {
	off  bool
	kind int
	fail error
}

func (r tokens) UAC() (bool, error)          { return !r.off, nil }
func (r tokens) Kind(Token) (int, error)     { return r.kind, nil }
func (r tokens) Full(t Token) (Token, error) { return t + 100, r.fail }

func TestElevate(t *testing.T) {
	for name, test := range map[string]struct {
		rights tokens
		want   error
		token  Token
	}{
		"an administrator":        {tokens{kind: kindLimited}, nil, 101},
		"with all rights already": {tokens{kind: kindFull}, nil, 1},
		"no administrator":        {tokens{kind: kindOnly}, ErrNoAdministrator, 1},
		"UAC is off":              {tokens{kind: kindOnly, off: true}, ErrNoUAC, 1},
		"the token cannot be had": {tokens{kind: kindLimited, fail: errTold}, errTold, 1},
	} {
		m := newMachine()
		a := with(m)
		account, err := a.Create(t.Context(), "task_1", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Elevate(test.rights, &account); !errors.Is(err, test.want) || account.Token != test.token {
			t.Errorf("%s: %v, token %d", name, err, account.Token)
		}
		if err := a.Delete(t.Context(), account); err != nil || test.token != 1 && !slices.Contains(m.calls, "close 101") {
			t.Errorf("%s: %v, %q", name, err, m.calls)
		}
	}
}

func TestRedirected(t *testing.T) {
	env := Redirected([]string{"PATH=x", `APPDATA=C:\Users\u\AppData\Roaming`}, `D:\tasks\t\AppData`)
	want := []string{
		"PATH=x", `APPDATA=C:\Users\u\AppData\Roaming`, `APPDATA=D:\tasks\t\AppData\Roaming`, `LOCALAPPDATA=D:\tasks\t\AppData\Local`,
		`TEMP=D:\tasks\t\AppData\Local\Temp`, `TMP=D:\tasks\t\AppData\Local\Temp`,
	}
	if !slices.Equal(env, want) { // of which the last ones count
		t.Errorf("%q", env)
	}
}
