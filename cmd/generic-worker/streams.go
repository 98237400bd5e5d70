package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// runnerStreams are where the runner speaks and listens: standard input and output, or the two
// named pipes that the runner of a Windows service has made.
func runnerStreams(pipe string, stdout io.Writer) (in io.Reader, out io.Writer, err error) {
	if pipe == "" {
		return os.Stdin, stdout, nil
	}
	write, err := openPatiently(func() (*os.File, error) { return openPipe(pipe+"-input", os.O_WRONLY) }, comes)
	if err != nil {
		return nil, nil, fmt.Errorf("open the pipe to the runner: %w", err)
	}
	read, err := openPatiently(func() (*os.File, error) { return openPipe(pipe+"-output", os.O_RDONLY) }, comes)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the pipe from the runner: %w", err), write.Close())
	}
	return read, write, nil
}

// How long a pipe is waited for that is not there, or that somebody else has open, and how often it
// is tried. The public runner makes its pipes only after it has started the service.
const (
	pipePatience = 10 * time.Second
	pipePolling  = 50 * time.Millisecond
)

// openPatiently opens a pipe as soon as it can be opened; comes tells of an error whether it is worth
// to wait.
func openPatiently(open func() (*os.File, error), comes func(error) bool) (*os.File, error) {
	end := time.NewTimer(pipePatience)
	defer end.Stop()
	tick := time.NewTicker(pipePolling)
	defer tick.Stop()
	for {
		file, err := open()
		if err == nil || !comes(err) {
			return file, err
		}
		select {
		case <-tick.C:
		case <-end.C:
			return nil, fmt.Errorf("waited %v: %w", pipePatience, err)
		}
	}
}
