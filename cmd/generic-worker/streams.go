package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// runnerStreams are where the runner speaks and listens: standard input and output, or the two
// named pipes that the runner of a Windows service has made.
func runnerStreams(pipe string, stdout io.Writer) (in io.Reader, out io.Writer, err error) {
	if pipe == "" {
		return os.Stdin, stdout, nil
	}
	write, err := os.OpenFile(pipe+"-input", os.O_WRONLY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open the pipe to the runner: %w", err)
	}
	read, err := os.OpenFile(pipe+"-output", os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the pipe from the runner: %w", err), write.Close())
	}
	return read, write, nil
}
