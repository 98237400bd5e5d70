package main

// power changes the machine's state. why is for whoever is logged in.
type power struct {
	off, reboot func(why string) error
}
