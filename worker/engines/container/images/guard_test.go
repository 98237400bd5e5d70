package images_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/task"
)

// TestNearlyFull: what would fill the engine's disk is ended while others can still write, and what fits is not.
func TestNearlyFull(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	var left atomic.Uint64
	left.Store(9 << 20)
	s.Free, s.Floor = func() (uint64, error) { return left.Load(), nil }, 4<<20
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	grows := func() { left.Store(3 << 20); <-over }
	e.pulling(func(http.ResponseWriter, string) { grows() })
	e.loading(func(http.ResponseWriter, []byte, error) bool { grows(); return true })
	for _, ref := range []images.Ref{{Name: "busybox"}, s.put("public/image", saved("one"))} {
		left.Store(9 << 20)
		r, text := s.fails(ref)
		if r != task.ResourceUnavailable {
			t.Errorf("%s: %s", r, text)
		}
		contains(t, text, "3 MiB are left, and 4 MiB are kept for tasks", "larger disk")
	}
	e.answer("one")
	e.loading(nil)
	s.ensure(images.Ref{Name: "busybox"}) // is made before anybody looks
	s.Free = func() (uint64, error) { return 0, errors.New("not known") }
	s.ensure(s.put("public/other", saved("two")))
}
