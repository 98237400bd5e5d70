package retry

import "golang.org/x/sys/windows"

// Windows has the errors of sockets apart from those that Go's syscall lends from Unix.
const (
	refused     = windows.WSAECONNREFUSED
	unreachable = windows.WSAENETUNREACH
)
