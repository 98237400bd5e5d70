package filecache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Collect removes files that no run uses, the least recently used first, until it has freed so many
// bytes or there are none left. It returns how many bytes it has freed; the error is of what could
// not be removed.
func (c *Cache) Collect(ctx context.Context, need uint64) (freed uint64, err error) {
	var problems []error
	for _, e := range c.oldest() {
		if freed >= need || ctx.Err() != nil {
			break
		}
		bytes, err := c.collect(e)
		freed += bytes
		if err != nil {
			problems = append(problems, err)
		}
	}
	return freed, errors.Join(problems...)
}

// oldest lists the entries, the least recently used first.
func (c *Cache) oldest() []*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.entries), func(a, b *entry) int { return a.used.Compare(b.used) })
}

// collect removes an entry that nobody uses.
func (c *Cache) collect(e *entry) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.users > 0 || e.dropped || c.flights[e.key] != nil {
		return 0, nil
	}
	if err := os.Remove(c.path(e)); err != nil && !os.IsNotExist(err) {
		return 0, fmt.Errorf("remove a download: %w", err)
	}
	e.dropped = true
	delete(c.entries, e.key)
	c.changed()
	const own = 1                            // an empty file takes space as well
	return uint64(max(e.size, 0)) + own, nil //nolint:gosec // not negative
}
