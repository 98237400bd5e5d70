package chainoftrust

import (
	"bytes"
	"context"
	"io"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/cot"
	"github.com/workerkit/workerkit/worker/task"
)

// plainText is the content type of the log and of the certificate.
const plainText = "text/plain; charset=utf-8"

// content is data that can be read from its beginning more than once.
type content struct {
	size int64
	open func() (io.ReadCloser, error)
}

func memory(data []byte) content {
	return content{int64(len(data)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// certifyLog uploads the log so far and returns its hash. It may be larger than memory.
func (h *hooks) certifyLog(ctx context.Context) (string, error) {
	size := h.run.Log.Size()
	return h.upload(ctx, cot.LogName, plainText, content{size, func() (io.ReadCloser, error) {
		reader := h.run.Log.NewReader(ctx, 0)
		return struct {
			io.Reader
			io.Closer
		}{io.LimitReader(reader, size), reader}, nil
	}})
}

// upload makes an artifact and returns the hash of the content in hex.
func (h *hooks) upload(ctx context.Context, name, contentType string, c content) (string, error) {
	d := artifact.Data{Name: name, ContentType: contentType, Expires: h.run.Definition.Expires, Size: c.size, Length: c.size, Open: c.open}
	hash, err := h.config.Uploader.UploadCompressed(ctx, h.run.Queue, h.run.Logger, h.run.Own, d)
	return hash, task.Uploaded(ctx, name, err)
}
