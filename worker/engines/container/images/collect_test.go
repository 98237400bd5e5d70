package images_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/room"
)

var _ room.Collector = (*images.Store)(nil)

// TestCollect removes what was pulled and loaded, the least recently used first, also of earlier
// workers, and nothing else.
func TestCollect(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	e.put("somebody/else:1", digest("else"))
	e.answer("named")
	pulled, _ := s.ensure(images.Ref{Name: "busybox"})
	first := s.put("public/first.tar", saved("first"))
	one, _ := s.ensure(first)
	two, _ := s.ensure(s.put("public/second.tar", saved("second")))
	used, _ := s.ensure(s.put("public/used.tar", saved("used")))
	for _, image := range []images.Image{one, two, pulled} {
		image.Release()
	}
	again, _ := s.ensure(first)
	again.Release()

	for _, gone := range []images.Image{two, pulled, one} {
		freed, err := s.Collect(t.Context(), 500)
		if freed < 1000 || err != nil || e.find(gone.Name) != "" {
			t.Errorf("freed %d, %v; %s goes next of %q", freed, err, gone.Name, e.names())
		}
	}
	if freed, err := s.Collect(t.Context(), 500); freed != 0 || err != nil {
		t.Errorf("then freed %d, %v", freed, err)
	}
	if got := e.names(); !slices.Equal(got, []string{used.Name, "somebody/else:1"}) {
		t.Errorf("left %q", got)
	}
	s.restart() // nobody uses it any more
	if freed, err := s.Collect(t.Context(), 5000); freed == 0 || err != nil || len(e.names()) != 1 {
		t.Errorf("after a restart freed %d, %v; left %q", freed, err, e.names())
	}
	s.ensure(first)
}

// TestCollectMoved removes the image whose tag has moved as well.
func TestCollectMoved(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	for _, text := range []string{"one", "two"} {
		e.answer(text)
		image, _ := s.ensure(images.Ref{Name: "busybox"})
		image.Release()
		e.put("<none>:"+text, digest(text)) // as it stays without its name
	}
	if _, err := s.Collect(t.Context(), 1); err != nil || e.find(digest("one")) != "" || e.find(digest("two")) == "" {
		t.Errorf("%v; left %q", err, e.names())
	}
}

// TestCollectUsed leaves an image of which somebody has a container, until there is none.
func TestCollectUsed(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	image, _ := s.ensure(s.put("public/image.tar", saved("one")))
	image.Release()
	e.mu.Lock()
	e.inUse = image.ID
	e.mu.Unlock()
	if freed, err := s.Collect(t.Context(), 1); freed != 0 || err != nil || len(e.names()) != 1 {
		t.Errorf("freed %d, %v; left %q", freed, err, e.names())
	}
	e.mu.Lock()
	e.inUse = ""
	e.mu.Unlock()
	if freed, err := s.Collect(t.Context(), 1); freed == 0 || err != nil || len(e.names()) != 0 {
		t.Errorf("freed %d, %v; left %q", freed, err, e.names())
	}
}

// TestCollectLeft removes what a worker has loaded that was killed before it noted it, but not what is
// being loaded.
func TestCollectLeft(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	e.put("localhost/workerkit/image:0123", digest("left"))
	big := saved(strings.Repeat("much", 1000))
	ref := s.put("public/image.tar", big)
	gate := s.slow("public/image.tar")
	w := s.begin(ref)
	until(t, "the engine is given an image", func() bool { return e.count("POST /images/load") == 1 })
	other := newStand(t, e.api)
	image, _ := other.ensure(other.put("public/image.tar", big)) // as if the engine had just finished
	if freed, err := s.Collect(t.Context(), 5000); freed == 0 || err != nil || !slices.Equal(e.names(), []string{image.Name}) {
		t.Errorf("freed %d, %v; left %q", freed, err, e.names())
	}
	close(gate)
	if <-w.done; w.err != nil || w.image.Name != image.Name {
		t.Errorf("%+v, %v", w.image, w.err)
	}
}

// TestCollectTaken leaves an image that somebody else has given the name of one that is removed.
func TestCollectTaken(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	e.answer("one")
	image, _ := s.ensure(images.Ref{Name: "busybox"})
	image.Release()
	e.put("<none>:one", image.ID) // as it stays without its name
	e.put(busybox, digest("an operator's"))
	if _, err := s.Collect(t.Context(), 5000); err != nil || e.find(image.ID) != "" || e.find(busybox) != digest("an operator's") {
		t.Errorf("%v; left %q", err, e.names())
	}
}
