package main

import (
	"log/slog"
	"testing"

	"github.com/workerkit/workerkit/worker/config"
)

// TestCollectorsOfOtherDisks: what is kept on another disk than tasks' directories is not deleted for those.
func TestCollectorsOfOtherDisks(t *testing.T) {
	dir := t.TempDir()
	for other, want := range map[string]int{dir: 0, "/proc": 1} {
		p := program{config: &config.Config{TasksDir: t.TempDir(), RequiredDiskSpaceMegabytes: 7}, logger: slog.New(slog.DiscardHandler)}
		p.collect(other, nil)
		if len(p.shelves) != want || len(p.collectors) != 1-want {
			t.Errorf("%s: %d for tasks, %d for its own disk", other, len(p.collectors), len(p.shelves))
		}
		for _, s := range p.shelves {
			if s.Keep != 7<<20 || s.Dir != other {
				t.Errorf("%+v", s)
			}
		}
	}
}
