// Package rmtree removes what a task left: a file, or a directory with all below it. It never
// follows a symbolic link, nor goes into another file system that is mounted below, however the
// tree changes meanwhile, however deep it is, and whatever rights its owner took from it.
package rmtree

import "errors"

// ErrMount means that something is mounted below the directory, which was left alone.
var ErrMount = errors.New("something is mounted there")
