package main

import (
	"os"

	"github.com/workerkit/workerkit/worker/engines/multiuser"
)

// desktop tells whether the user of a task can have a graphical session: only where there is the
// login manager that can be told to log that user in. That the system's usual target is graphical
// says nothing: it is so on servers, too.
func desktop() bool {
	_, err := os.Stat(multiuser.GDM)
	return err == nil
}
