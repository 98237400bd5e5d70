//go:build !linux

package main

import (
	"fmt"
	"runtime"

	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines"
)

// multiuser says that accounts are not made here.
func (parts) multiuser() (engines.Engine, error) {
	return nil, fmt.Errorf("%w: the engine multiuser does not exist on %s yet: set workerkit.engine to insecure", config.ErrInvalid, runtime.GOOS)
}
