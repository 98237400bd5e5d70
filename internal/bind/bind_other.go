//go:build !linux

package bind

import (
	"context"
	"os"
)

func mount(context.Context, string, *os.File, string, Options) (Mount, error) {
	return Mount{}, ErrUnsupported
}

func (Mount) unmount() (bool, error) { return false, nil }

func clearBelow(string) error { return nil }

func hide(string) error { return nil }
