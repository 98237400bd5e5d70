package room

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/rmtree"
)

// Leftovers are the directories of runs that are over: of a worker that was killed, or what could
// not be removed when its run ended. It is a Collector, and safe for concurrent use.
type Leftovers struct {
	dir    string
	ours   func(name string) bool
	remove func(path string) error

	mu   sync.Mutex
	held map[string]int
}

// NewLeftovers makes the collector of the directories in dir whose names are ours.
func NewLeftovers(dir string, ours func(name string) bool, remove func(path string) error) *Leftovers {
	return &Leftovers{dir: dir, ours: ours, remove: remove, held: map[string]int{}}
}

// Hold keeps directories, by their names, until they are released. They need not exist yet.
func (l *Leftovers) Hold(names ...string) (release func()) {
	l.hold(names, 1)
	return func() { l.hold(names, -1) }
}

func (l *Leftovers) hold(names []string, by int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		if l.held[name] += by; l.held[name] == 0 {
			delete(l.held, name)
		}
	}
}

func (l *Leftovers) isHeld(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[name] > 0
}

// Collect implements Collector.
func (l *Leftovers) Collect(ctx context.Context, need uint64) (freed uint64, err error) {
	left, err := l.oldest()
	if err != nil {
		return 0, err
	}
	var problems []error
	for _, name := range left {
		if freed >= need || ctx.Err() != nil {
			break
		}
		if l.isHeld(name) {
			continue
		}
		path := filepath.Join(l.dir, name)
		bytes := rmtree.Size(path)
		if err := l.remove(path); err != nil {
			problems = append(problems, err)
			continue
		}
		freed += bytes
	}
	return freed, errors.Join(problems...)
}

// oldest lists the directories, the least recently changed first.
func (l *Leftovers) oldest() ([]string, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("old task directories: %w", err)
	}
	changed := map[string]time.Time{}
	var names []string
	for _, entry := range entries {
		if !l.ours(entry.Name()) {
			continue
		}
		names = append(names, entry.Name())
		if info, err := entry.Info(); err == nil {
			changed[entry.Name()] = info.ModTime()
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return changed[a].Compare(changed[b]) })
	return names, nil
}
