package resourcecharts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/workerkit/workerkit/internal/artifact"
)

// patience is how long the end of a task waits for the charts.
const patience = time.Minute

// publish uploads both artifacts.
func (h *hooks) publish(ctx context.Context, r report) error {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	data, page := Names(h.run)
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("resourcecharts: %w", err)
	}
	var drawn bytes.Buffer
	if err := draw(&drawn, r); err != nil {
		return err
	}
	return errors.Join(
		h.upload(ctx, data, "application/json", text),
		h.upload(ctx, page, "text/html; charset=utf-8", drawn.Bytes()),
	)
}

// upload makes one artifact and notes its hash.
func (h *hooks) upload(ctx context.Context, name, contentType string, content []byte) error {
	size := int64(len(content))
	hash, err := h.plugin.config.Uploader.UploadCompressed(ctx, h.run.Queue, h.run.Logger, h.run.Own, artifact.Data{
		Name: name, ContentType: contentType, Expires: h.run.Definition.Expires, Size: size, Length: size,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	h.run.Uploads.Add(name, hash)
	return nil
}
