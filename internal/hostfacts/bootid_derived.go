//go:build freebsd || windows

package hostfacts

func bootID() (string, error) {
	boot, err := BootTime()
	return bootIDOf(boot), err
}
