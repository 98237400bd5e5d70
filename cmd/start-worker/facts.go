package main

import (
	"github.com/workerkit/workerkit/internal/hostfacts"
	"github.com/workerkit/workerkit/providers"
)

// facts is what this machine's firmware says, in the words of the providers.
func facts() providers.Facts { return providers.Facts(hostfacts.ReadFirmware()) }
