package images_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/task"
)

const busybox = "docker.io/library/busybox:latest"

// answer is a registry that has everything; what it has is told by a text.
func (e *engine) answer(text string) {
	e.pulling(func(w http.ResponseWriter, name string) {
		_, _ = fmt.Fprintln(w, `{"status":"Downloading","progressDetail":{"current":1048576,"total":2097152},"id":"a"}`)
		e.put(name, digest(text))
	})
}

func refusing(status int, message string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) { refuse(w, status, message) }
}

// TestName: a tag is asked for each time, and one that has moved is another image.
func TestName(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	for i, text := range []string{"one", "one", "two"} {
		e.answer(text)
		image, log := s.ensure(images.Ref{Name: "busybox"})
		contains(t, log, `[d2g] Pulling docker image "`+busybox+`"`, `[d2g] Pulled docker image "`+busybox+`"`)
		if image.ID != digest(text) || image.Name != busybox || image.ArtifactSHA256 != "" || e.count("POST /images/create") != i+1 {
			t.Errorf("%+v after %d pulls", image, e.count("POST /images/create"))
		}
	}
}

// TestDigest: an image that is here by its digest is not asked for.
func TestDigest(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	e.answer("one")
	exact := "@" + digest("its manifest")
	for range 2 {
		image, _ := s.ensure(images.Ref{Name: "busybox:1.36" + exact})
		if image.ID != digest("one") || image.Name != "docker.io/library/busybox"+exact || e.count("POST /images/create") != 1 {
			t.Errorf("%+v after %d pulls", image, e.count("POST /images/create"))
		}
		s.restart()
	}
	e.pulling(refusing(http.StatusInternalServerError, "no answer"))
	if r, text := s.fails(images.Ref{Name: "other/image" + exact}); r != task.ResourceUnavailable { // which may be a private one
		t.Errorf("by another name: %s: %s", r, text)
	}
}

// TestRegistryTrouble uses what is here, and says so.
func TestRegistryTrouble(t *testing.T) {
	inStream := func(text string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, _ string) {
			_, _ = fmt.Fprintf(w, `{"errorDetail":{"message":%q},"error":"x"}`, text)
		}
	}
	for name, c := range map[string]struct {
		pull  func(http.ResponseWriter, string)
		want  task.Resolution
		pulls int
	}{
		"no registry":       {refusing(http.StatusInternalServerError, "dial tcp: connection refused"), task.ResourceUnavailable, 2},
		"breaks off":        {inStream("read: connection reset by peer"), task.ResourceUnavailable, 2},
		"only a text":       {func(w http.ResponseWriter, _ string) { _, _ = fmt.Fprint(w, `{"error":"i/o timeout"}`) }, task.ResourceUnavailable, 2},
		"no such image":     {refusing(http.StatusNotFound, "manifest for busybox not found"), task.MalformedPayload, 1},
		"not for everybody": {inStream("denied: requested access to the resource is denied"), task.MalformedPayload, 1},
		"words of podman":   {inStream("reading manifest latest in registry/x: manifest unknown"), task.MalformedPayload, 1},
		"status in stream": {func(w http.ResponseWriter, _ string) {
			_, _ = fmt.Fprint(w, `{"errorDetail":{"code":404,"message":"no"}}`)
		}, task.MalformedPayload, 1},
		"full disk":        {inStream("write: no space left on device"), task.ResourceUnavailable, 1},
		"engine goes away": {func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) }, task.ResourceUnavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			s := newStand(t, e.api)
			e.pulling(c.pull)
			r, text := s.fails(images.Ref{Name: "busybox"})
			if r != c.want || e.count("POST /images/create") != c.pulls {
				t.Errorf("%s after %d pulls, want %s after %d: %s", r, e.count("POST /images/create"), c.want, c.pulls, text)
			}
			if name != "full disk" && name != "engine goes away" {
				contains(t, text, busybox)
			}
			e.put(busybox, digest("here"))
			image, log := s.ensure(images.Ref{Name: "busybox"})
			contains(t, log, "[taskcluster:warn", "the image of that name that is on the worker is used")
			if image.ID != digest("here") || e.count("POST /images/create") != c.pulls+1 {
				t.Errorf("%+v after %d pulls", image, e.count("POST /images/create"))
			}
			image.Release()
			if freed, err := s.Collect(t.Context(), 1); freed != 0 || err != nil || e.find(busybox) == "" {
				t.Errorf("an image that was not pulled is removed: %d, %v", freed, err)
			}
		})
	}
}

func TestBadNames(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	image, _ := s.ensure(s.put("public/image.tar", saved("of another task")))
	for name, says := range map[string]string{
		"Debian":                    "is no name of an image",
		"a b":                       "is no name of an image",
		"busybox@sha256:12":         "is no name of an image",
		image.Name:                  "is for images that the worker has loaded",
		strings.Repeat("0123", 16):  "is no name of an image",
		"localhost/workerkit/image": "is for images that the worker has loaded",
	} {
		if r, text := s.fails(images.Ref{Name: name}); r != task.MalformedPayload || !strings.Contains(text, says) {
			t.Errorf("%q: %s: %s, want %q", name, r, text, says)
		}
	}
	// What looks like an id is a name all the same.
	e.pulling(refusing(http.StatusNotFound, "no"))
	if r, text := s.fails(images.Ref{Name: image.ID}); r != task.MalformedPayload {
		t.Errorf("%s: %s", r, text)
	}
}

// TestNoEngine says so.
func TestNoEngine(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	ref := s.put("public/image.tar", saved("one"))
	s.ensure(ref)
	e.server.Close()
	for _, ref := range []images.Ref{{Name: "busybox"}, {Name: "busybox@" + digest("x")}, ref} {
		if r, text := s.fails(ref); r != task.ResourceUnavailable || !strings.Contains(text, "engine's log") {
			t.Errorf("%+v: %s: %s", ref, r, text)
		}
	}
	if _, err := s.Collect(t.Context(), 1); err == nil {
		t.Error("nothing is collected without an error")
	}
}

// TestFewLines: a log gets a line about the progress now and then.
func TestFewLines(t *testing.T) {
	e := newEngine(t)
	s := newStand(t, e.api)
	const messages = 300 // each a second after the one before
	e.pulling(func(w http.ResponseWriter, name string) {
		for range messages {
			_, _ = fmt.Fprintln(w, `{"status":"Downloading","progressDetail":{"current":1048576,"total":2097152},"id":"a"}`)
		}
		e.put(name, digest("one"))
	})
	_, log := s.ensure(images.Ref{Name: "busybox"})
	if n := strings.Count(log, "Downloading: 1 of 2 MiB"); n < messages/40 || n > messages/30 {
		t.Errorf("%d lines about the progress:\n%s", n, log)
	}
}
