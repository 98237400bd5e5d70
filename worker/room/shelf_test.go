package room_test

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/room"
)

// TestShelf: what is on another disk goes when that one is short, and not before.
func TestShelf(t *testing.T) {
	for name, c := range map[string]struct {
		keep, free uint64
		broken     error
		asked      []uint64
	}{
		"plenty":                 {10 * mib, 50 * mib, nil, nil},
		"short":                  {3 * mib, mib, nil, []uint64{2 * mib}},
		"never more than a part": {1 << 40, 4 * mib, nil, []uint64{mib}},
		"a part is free":         {1 << 40, 5 * mib, nil, nil},
		"no guard":               {0, 0, nil, nil},
		"unknown":                {3 * mib, 0, errors.New("no such disk"), nil},
	} {
		var log bytes.Buffer
		d := &disk{things: []uint64{mib, mib, mib}}
		s := room.Shelf{Dir: "/other", Keep: c.keep, Collector: d, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Disk: func(string) (free, size uint64, err error) { return c.free, 100 * mib, c.broken }}
		s.Tidy(t.Context())
		if !slices.Equal(d.asked, c.asked) {
			t.Errorf("%s: asked for %v, want %v", name, d.asked, c.asked)
		}
		if warned := strings.Contains(log.String(), "no such disk"); warned != (c.broken != nil) {
			t.Errorf("%s: logged %s", name, &log)
		}
	}
}
