package wine

import (
	"context"

	"github.com/workerkit/workerkit/platformtest/overlay"
)

// Overlay writes, into dir, what `go build -overlay` needs to make programs that can remove files in
// Wine 8, and returns its path. Go removes them with a call that Windows has since 2016 and, where a
// system says that it does not know it, with an older one; Wine 8 says so with an error that is not on
// Go's list. Nothing else of Go is changed.
func Overlay(ctx context.Context, dir string) (string, error) {
	return overlay.Write(ctx, dir, overlay.Change{
		File: "internal/syscall/windows/at_windows.go",
		Was:  "case STATUS_INVALID_INFO_CLASS,",
		Is:   "case NTStatus(0xC0000002) /* STATUS_NOT_IMPLEMENTED */, STATUS_INVALID_INFO_CLASS,",
	})
}
