//go:build unix

package main

import "github.com/workerkit/workerkit/worker/plugins"

// further are the features that only one system has: none of this one.
func (parts) further() []plugins.Plugin { return nil }
