//go:build !linux && !darwin && !windows

package asuser

// Do returns ErrUnsupported.
func Do(User, func() error) error { return ErrUnsupported }
