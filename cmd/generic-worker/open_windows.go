package main

import "os"

// openNow opens a file to read it.
func openNow(path string) (*os.File, error) { return os.Open(path) }
