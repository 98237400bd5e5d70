// Package broken does not compile.
package broken

import "testing"

func TestNone(*testing.T) { none() }
