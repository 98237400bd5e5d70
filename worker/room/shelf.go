package room

import (
	"context"
	"log/slog"
)

// Shelf is what can be had again on another disk than the tasks' directories. To delete it makes no space for
// them, so it goes only when that disk is itself nearly full.
type Shelf struct {
	Dir string
	// Keep is how many bytes are kept free there, but no more than a twentieth of the disk.
	Keep uint64
	// Disk tells how much is free where a directory is, and how much there is: the function Disk, but in tests.
	Disk      func(dir string) (free, size uint64, err error)
	Collector Collector
	Logger    *slog.Logger
}

// Tidy has things deleted until enough is free. It may take long.
func (s *Shelf) Tidy(ctx context.Context) {
	const share = 20
	free, size, err := s.Disk(s.Dir)
	keep := min(s.Keep, size/share)
	if err == nil && free >= keep {
		return
	}
	var freed uint64
	if err == nil {
		freed, err = s.Collector.Collect(ctx, keep-free)
	}
	if err != nil {
		s.Logger.Warn("not all that nobody needs could be deleted", "directory", s.Dir, "error", err)
	}
	if freed > 0 {
		s.Logger.Info("deleted what nobody needs, as its disk is nearly full", "directory", s.Dir, "MiB", freed>>20)
	}
}
