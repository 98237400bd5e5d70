//go:build unix

package host

func supported() error { return nil }
