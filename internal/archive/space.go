package archive

import (
	"fmt"

	"github.com/workerkit/workerkit/internal/disk"
)

// spaceEvery is after how many bytes the free space is looked at again. Each entry counts as
// some, too: the empty ones fill a disk as well.
const (
	spaceEvery = 16 << 20
	entryBytes = 4 << 10
)

// space stops what fills a disk. Without a path it stops nothing.
type space struct {
	path    string
	minFree uint64
	left    int64 // until the next look
}

func newSpace(path string, minFree uint64) *space { return &space{path: path, minFree: minFree} }

// take is called before n bytes are written.
func (s *space) take(n int) error {
	if s.left -= int64(n); s.left > 0 || s.path == "" {
		return nil
	}
	free, _, err := disk.Space(s.path)
	if err != nil {
		return err
	}
	if free < s.minFree {
		return fmt.Errorf("%w: %d MiB are free where %s is, and %d MiB have to stay so", ErrSpace, free>>20, s.path, s.minFree>>20)
	}
	s.left = spaceEvery
	return nil
}
