package signing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Hook is a command of the shell that signs a program for its operating system, such as
// `codesign --force --timestamp --sign NAME`. The empty one does nothing.
type Hook struct {
	Variable string // the variable of the environment that it came from, for errors
	Command  string
	Output   io.Writer // what it says
}

// Sign runs the command with the program's path as one more argument. It must end well and leave
// another file than it found: a signature is part of the program.
func (h Hook) Sign(ctx context.Context, path string) error {
	if h.Command == "" {
		return nil
	}
	before, err := digest(path)
	if err != nil {
		return fmt.Errorf("%s: %w", h.Variable, err)
	}
	// The path is an argument and never part of the command's text, so no name needs quotes.
	c := exec.CommandContext(ctx, "sh", "-c", h.Command+` "$1"`, "sh", path)
	c.Stdout, c.Stderr = h.Output, h.Output
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: sign %s: %w", h.Variable, path, err)
	}
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file any more")
	}
	after := ""
	if err == nil {
		after, err = digest(path)
	}
	if err == nil && after == before {
		err = errors.New("the command ended well and changed nothing")
	}
	if err != nil {
		return fmt.Errorf("%s: sign %s: %w", h.Variable, path, err)
	}
	return nil
}
