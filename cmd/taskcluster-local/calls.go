package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/workerkit/workerkit/local/api"
)

// callFile writes calls to a file, one JSON object a line.
type callFile struct {
	mu   sync.Mutex // guards what follows
	file *os.File
	err  error // the first of writing
}

func newCallFile(path string) (*callFile, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("serve: record calls: %w", err)
	}
	return &callFile{file: file}, nil
}

// write notes a call. Each is in the file when its write returns, so that a reader may
// follow and a kill loses nothing.
func (c *callFile) write(call api.Call) {
	line, err := json.Marshal(call)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		_, err = c.file.Write(append(line, '\n'))
	}
	if c.err == nil {
		c.err = err
	}
}

func (c *callFile) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := errors.Join(c.err, c.file.Close()); err != nil {
		return fmt.Errorf("serve: record calls: %w", err)
	}
	return nil
}
