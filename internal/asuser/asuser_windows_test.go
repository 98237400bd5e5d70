package asuser_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/asuser"
)

// The function's error and end are Do's, and no thread goes on with the user's rights.
func TestImpersonation(t *testing.T) {
	var own windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_QUERY|windows.TOKEN_DUPLICATE|windows.TOKEN_IMPERSONATE, &own); err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	user := asuser.User{Token: uintptr(own)}
	told := errors.New("told to")
	err := asuser.Do(user, func() error {
		var token windows.Token
		if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token); err != nil {
			t.Errorf("the thread is nobody's: %v", err)
		} else {
			_ = token.Close()
		}
		_, err := os.Stat(os.TempDir())
		return errors.Join(told, err)
	})
	if !errors.Is(err, told) || errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want the function's", err)
	}
	if err := asuser.Do(user, func() error { panic("told to") }); err == nil || !strings.Contains(err.Error(), "told to") {
		t.Errorf("%v, want what the function panicked with", err)
	}
	for _, token := range []uintptr{0, 0xdead0} {
		if err := asuser.Do(asuser.User{Token: token}, func() error { t.Error("called without rights"); return nil }); err == nil {
			t.Error("a user without a logon")
		}
	}
	var token windows.Token
	if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token); err == nil {
		t.Error("this thread has the user's rights")
	}
}
