package container

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/worker/engines"
)

// stream is a file of a container, as the engine sends it: nothing of it is stored here. To read
// another part it is sent again.
type stream struct {
	files *files
	ctx   context.Context //nolint:containedctx // of a file, which has no other
	path  string          // without links
	entry entry

	offset int64 // at which is read next
	body   io.ReadCloser
	reader *tar.Reader
	sent   int64 // how much has been read of reader
}

// Stat implements engines.File.
func (s *stream) Stat() (fs.FileInfo, error) { return info{path.Base(s.path), s.entry}, nil }

// Read implements engines.File.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.offset >= s.entry.size {
		return 0, io.EOF
	}
	if s.body == nil || s.sent > s.offset {
		if err := s.restart(); err != nil {
			return 0, err
		}
	}
	if s.sent < s.offset {
		n, err := io.CopyN(io.Discard, s.reader, s.offset-s.sent)
		if s.sent += n; err != nil {
			return 0, s.broken(err)
		}
	}
	n, err := s.reader.Read(p)
	s.sent += int64(n)
	s.offset += int64(n)
	if err == nil || errors.Is(err, io.EOF) && s.offset == s.entry.size {
		return n, err //nolint:wrapcheck // io.EOF as it is
	}
	return n, s.broken(err)
}

func (s *stream) broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("container: read %s: %w", s.path, explain(err))
}

// restart has the file sent from its start.
func (s *stream) restart() error {
	if err := s.Close(); err != nil {
		return err
	}
	s.files.settle(s.ctx)
	sent, err := s.files.api.CopyFromContainer(s.ctx, s.files.id, client.CopyFromContainerOptions{SourcePath: s.path})
	if err != nil {
		return fmt.Errorf("container: read %s: %w", s.path, explain(err))
	}
	s.body, s.reader, s.sent = sent.Content, tar.NewReader(sent.Content), 0
	header, err := s.reader.Next()
	if err == nil && header.Typeflag != tar.TypeReg {
		err = engines.ErrWrongKind
	}
	if err != nil {
		return s.broken(err)
	}
	s.entry.size = header.Size
	return nil
}

// settle waits until Podman has cleaned up after the container: it takes away the file system while it
// sends from it. That another process keeps it mounted is not waited for.
func (f *files) settle(ctx context.Context) {
	const often, patience = 10 * time.Millisecond, 10 * time.Second
	f.ready.Do(func() {
		if !f.podman {
			return
		}
		ctx, done := context.WithTimeout(ctx, patience)
		defer done()
		tick := time.NewTicker(often)
		defer tick.Stop()
		for ctx.Err() == nil {
			found, err := f.api.ContainerInspect(ctx, f.id, client.ContainerInspectOptions{})
			if err != nil || found.Container.GraphDriver == nil || found.Container.GraphDriver.Data["MergedDir"] == "" {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
}

// Seek implements engines.File.
func (s *stream) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.entry.size
	}
	if offset < 0 {
		return s.offset, pathError(s.path, fs.ErrInvalid)
	}
	s.offset = offset
	return offset, nil
}

// Close implements engines.File.
func (s *stream) Close() error {
	if s.body != nil {
		_ = s.body.Close() // may be in the middle
		s.body = nil
	}
	return nil
}

// info is about a file of a container.
type info struct {
	name string
	entry
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

// text is a small file that came with the list.
type text struct {
	*bytes.Reader
	info info
}

func newText(i item) *text { return &text{bytes.NewReader(i.text), info{path.Base(i.rel), i.entry}} }

// Stat implements engines.File.
func (t *text) Stat() (fs.FileInfo, error) { return t.info, nil }

// Close implements engines.File.
func (t *text) Close() error { return nil }

const (
	small   = 64 << 10 // bytes of a file that is kept when it comes with a list
	keeping = 16 << 20 // bytes of all
)

// listStream finds the files below a folder of the container's own file system. The engine has no list
// without the files themselves: small ones are kept, so that they need not be sent again.
func (f *files) listStream(ctx context.Context, dir string) ([]item, error) {
	f.settle(ctx)
	sent, err := f.api.CopyFromContainer(ctx, f.id, client.CopyFromContainerOptions{SourcePath: strings.TrimSuffix(dir, "/") + "/."})
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("container: list %s: %w", dir, explain(err))
	}
	defer sent.Content.Close()
	var found []item
	reader, left := tar.NewReader(sent.Content), int64(keeping)
	for {
		header, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			f.seen.whole(dir)
			return found, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, fmt.Errorf("container: list %s: %w", dir, explain(err))
		}
		i := item{rel: path.Clean(header.Name), link: header.Typeflag == tar.TypeSymlink}
		f.seen.list(dir, header)
		if !i.link && header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeLink {
			continue
		}
		if header.Typeflag == tar.TypeReg && header.Size <= min(small, left) {
			i.text = make([]byte, header.Size)
			if _, err := io.ReadFull(reader, i.text); err != nil {
				return nil, fmt.Errorf("container: list %s: %w", dir, explain(err))
			}
			left -= header.Size
			i.entry = entry{mode: header.FileInfo().Mode(), size: header.Size, modified: header.ModTime}
		}
		found = append(found, i)
	}
}
