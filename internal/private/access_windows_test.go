package private

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

const (
	alice = "S-1-5-21-1-2-3-1001"
	bob   = "S-1-5-21-1-2-3-1002"

	readable  = "(A;ID;0x1200a9;;;BU)"         // what is made below C:\ProgramData
	inherited = "(A;ID;FA;;;SY)(A;ID;FA;;;BA)" // and in the folders of docs/install.md
	sealed    = "D:PAI(A;;FA;;;OW)"            // what we make
	tight     = "G:S-1-0-0D:PAI(A;;FA;;;OW)"   // what is made of one that others can read
	handed    = "O:S-1-5-32-544" + tight       // the same, as the administrators'
	refused   = "refused"                      // the owner is not trusted, or we would shut ourselves out
	fine      = ""                             // nothing to do
	own       = "(A;OICI;FA;;;" + alice + ")"  // of a folder
	rest      = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
)

func descriptor(t *testing.T, text string) *windows.SECURITY_DESCRIPTOR {
	t.Helper()
	d, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// TestTighter: who reads whose file, and what becomes of it.
func TestTighter(t *testing.T) {
	for _, c := range []struct {
		file                string
		service, user, root string // for the system, Alice and Alice as an elevated administrator
	}{
		// The service's own, and what other programs of the system's account and administrators write.
		{"O:SY" + sealed, fine, fine, fine},
		{"O:BA" + sealed, fine, fine, fine},
		{"O:BAD:AI" + inherited, fine, fine, fine},
		{"O:SYD:AI" + inherited, fine, fine, fine},
		{"O:BAD:AI" + inherited + readable, tight, refused, tight},
		{"O:SYD:AI" + inherited + readable, tight, refused, handed},
		// Alice's.
		{"O:" + alice + sealed, refused, fine, fine},
		{"O:" + alice + "D:AI" + inherited + "(A;ID;FA;;;" + alice + ")", refused, fine, fine},
		{"O:" + alice + "D:AI" + inherited + readable, refused, tight, handed},
		// Bob's, though nobody else may read it.
		{"O:" + bob + sealed, refused, refused, refused},
		{"O:" + bob + "D:(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;" + alice + ")", refused, refused, refused},
		{"O:S-1-5-80-1D:(A;;FA;;;BA)", refused, refused, refused}, // TrustedInstaller and other services
		{"D:(A;;FA;;;SY)", refused, refused, refused},
		// Lists.
		{"O:BAD:(A;;FR;;;WD)", tight, refused, tight},
		{"O:BAD:(A;;RC;;;AU)", tight, refused, tight},
		{"O:BAD:(A;;FA;;;" + bob + ")", tight, refused, tight},
		{"O:BAD:(A;;FA;;;BA)(A;;FR;;;S-1-5-80-1)", tight, refused, tight},
		{"O:BA", tight, refused, tight},
		{"O:BAD:", fine, fine, fine},
		{"O:BAD:(D;;FA;;;WD)(A;;FA;;;BA)", fine, fine, fine},
		{"O:BAD:(A;OICIIO;GA;;;WD)(A;;FA;;;BA)", fine, fine, fine}, // for what is below alone, and nothing is
		{"O:BAD:(A;OICIIO;GA;;;CO)(A;;FA;;;SY)", fine, fine, fine},
	} {
		for name, who := range map[string]struct {
			caller
			want string
		}{
			"the system": {caller{sid: system}, c.service}, "Alice": {caller{sid: alice}, c.user}, "Alice, elevated": {caller{alice, true}, c.root},
		} {
			got, err := who.tighter(descriptor(t, c.file))
			if errors.Is(err, ErrExposed) {
				got = refused
			}
			if got != who.want {
				t.Errorf("%s reads %s: %q (%v), want %q", name, c.file, got, err, who.want)
			}
		}
	}
}

func TestCloser(t *testing.T) {
	list := "D:PAI" + own + rest
	for folder, want := range map[string]string{
		"O:" + alice + list:                             fine,
		"O:BAD:PAI" + rest:                              fine,
		"O:SYD:P" + rest + "(A;OICI;FA;;;OW)":           fine,
		"O:BAD:P" + rest + "(A;OICIIO;FA;;;CO)":         fine,
		"O:BAD:P" + rest + "(D;OICI;FA;;;WD)":           fine,
		"O:BAD:AI" + rest:                               list, // who may change what is above could let others in
		"O:BAD:P" + rest + "(A;OICI;0x1200a9;;;BU)":     list,
		"O:BAD:P" + rest + "(A;OICIIO;0x1200a9;;;BU)":   list, // they get into what is in it
		"O:BAD:P" + rest + "(A;CI;LC;;;WD)":             list,
		"O:" + bob + list:                               "O:" + alice + list,
		"O:" + bob + "D:P(A;OICI;FA;;;" + bob + ")":     "O:" + alice + list,
		"O:" + bob + "D:AI" + rest + "(A;OICI;FA;;;AU)": "O:" + alice + list,
		"O:S-1-5-80-1D:P(A;OICI;FA;;;S-1-5-80-1)":       "O:" + alice + list,
	} {
		if got := (caller{sid: alice}).closer(descriptor(t, folder)); got != want {
			t.Errorf("%s: %q, want %q", folder, got, want)
		}
		want = strings.Replace(want, "O:"+alice, "O:"+administrators, 1)
		if got := (caller{alice, true}).closer(descriptor(t, folder)); got != want {
			t.Errorf("as an administrator, %s: %q, want %q", folder, got, want)
		}
	}
}

// TestChanges: what is to be changed can be, and is parsed as what it says.
func TestChanges(t *testing.T) {
	for change, want := range map[string]string{tight: "", handed: administrators, "O:" + alice + "D:PAI" + own + rest: alice} {
		owner, dacl, err := parts(change)
		if err != nil || dacl == nil || (owner == nil) != (want == "") {
			t.Fatalf("%s: %v, %v, %v", change, owner, dacl, err)
		}
		if owner != nil && owner.String() != want {
			t.Errorf("%s: the owner is %s", change, owner)
		}
		if n := strings.Count(change, "(A;"); int(dacl.AceCount) != n {
			t.Errorf("%s: %d entries", change, dacl.AceCount)
		}
	}
}

// TestAdvice: the system and the administrators share what they have; others have their own.
func TestAdvice(t *testing.T) {
	for who, want := range map[caller]string{
		{sid: system}: administrators, {alice, true}: administrators, {sid: alice}: alice,
	} {
		if got := who.advice(`C:\a file`); got != `icacls "C:\a file" /setowner *`+want {
			t.Errorf("%v: %s", who, got)
		}
	}
	for who, want := range map[caller]string{{sid: system}: system, {alice, true}: administrators, {sid: alice}: alice} {
		if got := who.owner(); got != want {
			t.Errorf("what %v makes is %s's", who, got)
		}
	}
}
