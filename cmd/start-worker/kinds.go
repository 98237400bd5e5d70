package main

import (
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/aws"
	"github.com/workerkit/workerkit/providers/azure"
	"github.com/workerkit/workerkit/providers/gcp"
	"github.com/workerkit/workerkit/providers/standalone"
	"github.com/workerkit/workerkit/providers/static"
)

// kinds are the places where a machine can boot. At most one of them matches any firmware.
func kinds() []providers.Kind {
	return []providers.Kind{aws.Kind(), gcp.Kind(), azure.Kind(), static.Kind(), standalone.Kind()}
}
