package main

import (
	"fmt"

	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines/multiuser"
)

// desktop is false: which session is at the screen is not known here.
func desktop() bool { return false }

// seat refuses what does not exist.
func seat() (*multiuser.Desktop, error) {
	return nil, fmt.Errorf("%w: headlessTasks: tasks in a desktop session do not exist on FreeBSD: set headlessTasks to true", config.ErrInvalid)
}
