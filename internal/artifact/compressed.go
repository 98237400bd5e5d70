package artifact

import (
	"context"
	"log/slog"

	"github.com/workerkit/workerkit/internal/tc"
)

// UploadCompressed is Upload for data that is not encoded: where the service takes that, it is
// compressed with gzip first, into a spool in dir. It returns the SHA-256 in hex of the data.
func (u *Uploader) UploadCompressed(ctx context.Context, queue tc.TaskQueue, logger *slog.Logger, dir string, d Data) (string, error) {
	if u.Objects != nil {
		return u.UploadHashed(ctx, queue, logger, d)
	}
	source, err := open(d)
	if err != nil {
		return "", wrap(d, err)
	}
	defer source.Close()
	spool, err := new(Compressor).Compress(ctx, Wanted{Dir: dir, Encoding: Gzip, SHA256: true}, source)
	if err != nil {
		return "", err
	}
	defer func() {
		if err := spool.Remove(); err != nil {
			logger.WarnContext(ctx, "artifact: cannot remove a spool", "error", err)
		}
	}()
	if spool.Size() != d.Size {
		return "", wrap(d, ErrChanged)
	}
	d.Encoding, d.Length, d.Open = Gzip, spool.Length(), spool.Open
	return spool.SHA256(), u.Upload(ctx, queue, logger, d)
}
