//go:build !linux

package resourcecharts

import "errors"

// readNetwork does not know how to ask this system.
func readNetwork() (traffic, error) { return traffic{}, errors.New("not known on this system") }
