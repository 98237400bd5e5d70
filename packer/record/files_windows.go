package record

import "os"

// own takes every file: Windows has access lists, which tell more than owner and others.
func own(*os.File) error { return nil }

// syncDir does nothing: Windows keeps the names of files itself.
func syncDir(string) error { return nil }
