package artifacts

import (
	"context"
	"io"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/worker/engines"
)

// source is a file that was opened; there is none where there is a failure.
type source struct {
	file engines.File
	size int64
}

// look opens the file of an artifact, or notes why it cannot be read.
func (h *hooks) look(f *found) source {
	if f.failure != nil {
		return source{}
	}
	file, err := f.open()
	if err != nil {
		f.failure = h.explain(f.entry, err)
		return source{}
	}
	info, err := file.Stat()
	if err != nil {
		f.failure = h.explain(f.entry, err)
		_ = file.Close()
		return source{}
	}
	return source{file, info.Size()}
}

// places is how many it takes.
func (s source) places() int64 {
	if s.size >= smallest {
		return largePlaces
	}
	return 1
}

// close may be called for one that net/http has closed already.
func (s source) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

// data uploads a file. A file that can no longer be read is a *failure.
func (h *hooks) data(ctx context.Context, f *found, s source) error {
	t := h.progress.enter(f.Name)
	defer t.leave()
	d := artifact.Data{Name: f.Name, ContentType: contentType(f.entry), Expires: f.Expires, Size: s.size, Length: s.size}
	if encoding := encoding(f.entry); encoding != "" && h.plugin.uploader.Objects == nil {
		d.Encoding = encoding
		return h.compressed(ctx, d, s.file, t)
	}
	first := s.file
	d.Open = func() (io.ReadCloser, error) {
		if first == nil {
			return f.open()
		}
		file := first // the descriptor that was looked at serves the first attempt
		first = nil
		return file, nil
	}
	return h.send(ctx, d, "", t)
}

// compressed uploads the data of file, compressed before the queue is asked for a URL, as
// that does not live long.
func (h *hooks) compressed(ctx context.Context, d artifact.Data, file engines.File, t *transfer) error {
	spool, err := h.spool(ctx, d, file, t)
	if err != nil {
		return err
	}
	defer func() {
		if err := spool.Remove(); err != nil {
			h.run.Logger.Warn("artifacts: cannot remove a spool", "error", err)
		}
	}()
	if spool.Size() != d.Size {
		return artifact.ErrChanged
	}
	d.Length, d.Open = spool.Length(), spool.Open
	return h.send(ctx, d, spool.SHA256(), t)
}

// spool compresses a file, when it is its turn.
func (h *hooks) spool(ctx context.Context, d artifact.Data, file engines.File, t *transfer) (*artifact.Spool, error) {
	p := h.plugin
	select {
	case p.compress <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-p.compress }()
	t.phase("Compressing", d.Size, file)
	compressor := p.compressors.Get().(*artifact.Compressor)
	defer p.compressors.Put(compressor)
	wanted := artifact.Wanted{Dir: h.run.Own, Encoding: d.Encoding, SHA256: h.certified}
	return compressor.Compress(ctx, wanted, io.LimitReader(file, d.Size))
}

// send uploads d and notes it. sha256 is of the data before compression; "" is not known yet.
func (h *hooks) send(ctx context.Context, d artifact.Data, sha256 string, t *transfer) (err error) {
	u, open := h.plugin.uploader, d.Open
	d.Open = func() (io.ReadCloser, error) {
		body, err := open()
		if err == nil {
			t.phase("Uploading", d.Length, body)
		}
		return body, err
	}
	if h.certified && sha256 == "" {
		sha256, err = u.UploadHashed(ctx, h.run.Queue, h.run.Logger, d)
	} else {
		err = u.Upload(ctx, h.run.Queue, h.run.Logger, d)
	}
	if err != nil {
		return err
	}
	if h.certified {
		h.run.Uploads.Add(d.Name, sha256)
	}
	t.sent(d)
	return nil
}
