package main

import "errors"

// launchAgent is for other systems: on Windows the worker itself starts programs in the session.
func launchAgent([]string) (string, error) {
	return "", errors.New("there is no launch agent on Windows")
}
