//go:build !windows

package launch

import "github.com/workerkit/workerkit/internal/service"

// Services are the system's, for workers that are one; only Windows has any.
func Services() (s System, closeSystem func(), err error) {
	return nil, func() {}, service.ErrUnsupported
}
