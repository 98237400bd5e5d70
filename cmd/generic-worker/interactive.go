package main

import (
	"time"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/worker/plugins/interactive"
)

// interactive is the feature that lets people into running tasks. Slots have ports of their own,
// four apart, as the configuration of the public worker promises to those who set up firewalls.
func (p parts) interactive() *interactive.Plugin {
	c := p.config
	return interactive.New(interactive.Config{
		Disabled: !c.EnableInteractive, RootURL: c.RootURL, Now: time.Now,
		Exposer: func(slot int) expose.Exposer {
			port := c.InteractivePort + uint16(4*slot) //nolint:gosec // the configuration's check keeps it below 65536
			return p.exposer(port, port)
		},
	})
}
