package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/internal/private"
)

// counterFile counts resolved tasks over restarts, in the working directory.
const counterFile = "tasks-resolved-count.txt"

// counter counts the tasks that this worker has resolved. It is safe for concurrent use.
type counter struct {
	most int // 0: no limit

	mu       sync.Mutex
	resolved int
}

func newCounter(most int) (*counter, error) {
	c := &counter{most: most}
	data, err := os.ReadFile(counterFile)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the number of resolved tasks: %w", err)
	}
	if c.resolved, err = strconv.Atoi(strings.TrimSpace(string(data))); err != nil {
		return nil, fmt.Errorf("%s does not hold a number: delete it to start from 0", counterFile)
	}
	return c, nil
}

// remaining is how many tasks may still be resolved.
func (c *counter) remaining() int {
	if c.most == 0 {
		return math.MaxInt
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most - c.resolved
}

// add counts one more.
func (c *counter) add() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resolved++
	if err := private.WriteFast(counterFile, []byte(strconv.Itoa(c.resolved))); err != nil {
		return fmt.Errorf("save the number of resolved tasks: %w", err)
	}
	return nil
}
