package main

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestPipeIsWaitedFor: a runner may still be about to make its pipes.
func TestPipeIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		after time.Duration // when it opens; 0 is never
		took  time.Duration
		opens bool
	}{
		"there":         {nil, 0, 0, true},
		"soon":          {fs.ErrNotExist, 3 * time.Second, 3 * time.Second, true},
		"busy":          {fs.ErrExist, time.Second, time.Second, true},
		"never":         {fs.ErrNotExist, 0, pipePatience, false},
		"not allowed":   {fs.ErrPermission, 0, 0, false},
		"never free":    {fs.ErrExist, 0, pipePatience, false},
		"much too late": {fs.ErrNotExist, time.Hour, pipePatience, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				got, err := openPatiently(func() (*os.File, error) {
					if c.err != nil && (c.after == 0 || time.Since(begin) < c.after) {
						return nil, &fs.PathError{Op: "open", Path: "pipe", Err: c.err}
					}
					return os.Stdin, nil
				}, func(err error) bool { return !errors.Is(err, fs.ErrPermission) })
				if (got != nil) != c.opens || (err == nil) != c.opens || (!c.opens && !errors.Is(err, c.err)) {
					t.Errorf("%v, %v", got, err)
				}
				if took := time.Since(begin); took < c.took || took > c.took+pipePolling {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}
