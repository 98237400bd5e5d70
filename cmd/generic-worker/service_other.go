//go:build !windows

package main

import "errors"

func (service) install() error {
	return errors.New("only Windows services are installed so; elsewhere let the system's service manager start start-worker, or generic-worker run")
}
