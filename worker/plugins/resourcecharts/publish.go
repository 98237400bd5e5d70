package resourcecharts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/workerkit/workerkit/internal/artifact"
)

// publish uploads both artifacts.
func (h *hooks) publish(ctx context.Context, r report) error {
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
	u, size := h.plugin.config.Uploader, int64(len(content))
	d := artifact.Data{
		Name: name, ContentType: contentType, Expires: h.run.Definition.Expires, Size: size, Length: size,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
	if u.Objects == nil {
		spool, err := artifact.Compress(ctx, h.run.Own, bytes.NewReader(content))
		if err != nil {
			return err //nolint:wrapcheck // says what failed
		}
		defer spool.Remove() //nolint:errcheck // the folder is removed with all that is in it
		d.Encoding, d.Length, d.Open = artifact.Gzip, spool.Length(), spool.Open
	}
	if err := u.Upload(ctx, h.run.Queue, h.run.Logger, d); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.Sum256(content)
	h.run.Uploads.Add(name, hex.EncodeToString(sum[:]))
	return nil
}
