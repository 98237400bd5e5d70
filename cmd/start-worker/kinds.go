package main

import (
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/standalone"
	"github.com/workerkit/workerkit/providers/static"
)

// kinds are the places where a machine can boot. The first that matches wins.
func kinds() []providers.Kind {
	return []providers.Kind{static.Kind(), standalone.Kind()}
}
