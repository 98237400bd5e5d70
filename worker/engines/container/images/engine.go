package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/jsonstream"
)

// inspect is the id of an image; "" when the engine has none.
func (s *Store) inspect(ctx context.Context, name string) (id string, err error) {
	reply, err := s.API.ImageInspect(ctx, name)
	if errdefs.IsNotFound(err) || err == nil && strings.Contains(name, "@") && !slices.ContainsFunc(reply.RepoDigests, same(name)) {
		return "", nil
	}
	return withAlgorithm(reply.ID), err
}

// same tells whether a name is another one, with a digest, in some form. Podman finds an image by its digest
// whatever the name in front of it: also one that is an artifact which this task may not have.
func same(full string) func(name string) bool {
	return func(name string) bool {
		ref, err := reference.ParseNormalizedNamed(name)
		return err == nil && ref.String() == full
	}
}

// withAlgorithm is an id as Docker writes it: Podman leaves the algorithm out in places.
func withAlgorithm(id string) string {
	if id == "" || strings.Contains(id, ":") {
		return id
	}
	return "sha256:" + id
}

// follow reads the messages of a pull or load to their end, and returns the error that is among them.
func (s *Store) follow(ctx context.Context, messages io.ReadCloser, f *flight, what string) error {
	defer messages.Close()
	stop := context.AfterFunc(ctx, func() { _ = messages.Close() })
	defer stop()
	for decoder := json.NewDecoder(messages); ; {
		var m message
		err := decoder.Decode(&m)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Error != nil:
			return coded(m.Error)
		case m.Text != "":
			return errors.New(m.Text)
		case strings.HasPrefix(m.Stream, "Error "): // Docker with containerd's store says so, and that the image was loaded
			return errors.New(strings.TrimSpace(m.Stream))
		case m.Progress != nil && m.Progress.Total > 0:
			f.progress(s.Now(), "%s: %s: %d of %d MiB", what, m.Status, m.Progress.Current>>20, m.Progress.Total>>20)
		}
	}
}

// message is one of a pull or load. Podman may give an error only as a text.
type message struct {
	jsonstream.Message
	Text string `json:"error"`
}

// coded is an error of a stream, which may have a status of HTTP.
func coded(e *jsonstream.Error) error {
	switch e.Code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return fmt.Errorf("%w: %w", errdefs.ErrNotFound, e)
	}
	return e
}
