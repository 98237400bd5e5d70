package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestHopeless(t *testing.T) {
	refused, absent, silent := fmt.Errorf("dial: %w", fs.ErrPermission), fmt.Errorf("dial: %w", fs.ErrNotExist), error(syscall.ECONNREFUSED)
	for _, test := range []struct {
		failed []error
		want   bool
	}{
		{nil, false},
		{[]error{absent}, false},
		{[]error{refused}, true},
		{[]error{errAddress}, true},
		{[]error{refused, absent}, true},
		{[]error{absent, refused, absent}, true},
		{[]error{refused, silent}, false},
		{[]error{silent, refused}, false},
		{[]error{errors.New("another")}, false},
	} {
		if got := hopeless(test.failed); got != test.want {
			t.Errorf("%v: %t", test.failed, got)
		}
	}
}
