package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Opener is how commands come by the system; only tests have another one than the package's.
type Opener func() (System, error)

// InstallCommand installs a service and tells people about it.
func (open Opener) InstallCommand(d Definition, told io.Writer) error {
	s, err := open()
	if err != nil {
		return err
	}
	already, err := Install(s, s, d)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	if already {
		fmt.Fprintf(told, "the service %q is installed already; it %s\n", d.Name, d.starts())
		return nil
	}
	fmt.Fprintf(told, "the service %q is installed; it %s, and runs %s\n", d.Name, d.starts(), d.command())
	return nil
}

// UninstallCommand removes a service and tells people about it. One that runs gets patience to stop.
func (open Opener) UninstallCommand(ctx context.Context, name string, patience time.Duration, told io.Writer) error {
	s, err := open()
	if err != nil {
		return err
	}
	err = Uninstall(ctx, s, s, s, name, patience, func() {
		fmt.Fprintf(told, "the service %q runs and was asked to stop: its tasks are handed back to the queue; waiting for at most %v\n", name, patience)
	})
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	fmt.Fprintf(told, "the service %q is removed; its files stay\n", name)
	return nil
}
