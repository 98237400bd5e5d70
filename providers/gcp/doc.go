// Package gcp is the provider of GCE instances.
package gcp

import _ "cloud.google.com/go/compute/metadata"
