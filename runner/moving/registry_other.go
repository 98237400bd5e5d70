//go:build !windows

package moving

// Registered are the services that are in no file: there are none but on Windows.
func Registered() []Service { return nil }
