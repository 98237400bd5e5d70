package main

// takeTasksDir does nothing: a folder cannot be locked, and the profiles' one is not ours to put a file in.
func takeTasksDir(string) (release func() error, err error) {
	return func() error { return nil }, nil
}
