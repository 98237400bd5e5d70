// Package artifact uploads the data of a run's artifacts, to signed URLs or to the object
// service, whichever the deployment uses.
package artifact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// Encodings of data that is stored compressed.
const (
	Gzip = "gzip"
	Zstd = "zstd"
)

// Uploader uploads. Its fields do not change; it may be used from any goroutine.
type Uploader struct {
	HTTP *http.Client // must not follow redirects
	// Objects is the object service, used for all data when it is not nil. Else data goes to
	// the signed URL that the queue gives (storage type s3).
	Objects tc.Objects
	Policy  retry.Policy // for attempts to send the data; calls of the services have their own
	Now     func() time.Time
}

// Data is the data of one artifact.
type Data struct {
	Name        string
	ContentType string
	Expires     time.Time
	Size        int64 // in bytes, before compression
	// Encoding is Gzip, Zstd or empty. The object service takes only data that is not encoded.
	Encoding string
	Length   int64 // what Open gives, in bytes
	// Open opens the data from its beginning. It is called once for each attempt.
	Open func() (io.ReadCloser, error)
}

// ErrUpload says that the data could not be sent, although the services took the artifact. Errors
// of the services are *tc.Error. No error holds a signed URL.
var ErrUpload = errors.New("artifact: the upload failed")

// ErrRefused says that the store would not have this data: S3 takes 5 GiB at most, say.
var ErrRefused = errors.New("the store refuses it")

// ErrChanged says that there was less data than Length, or no longer any.
var ErrChanged = errors.New("artifact: the file changed while it was uploaded")

// ErrName says that the object service cannot have an object of that name.
var ErrName = errors.New("artifact: names in the object service are of printable ASCII characters")

// Upload makes the artifact and sends its data. An attempt that fails in a way that may pass is
// repeated by the policy, with a fresh URL when the old one is no longer good. It stops when ctx ends.
func (u *Uploader) Upload(ctx context.Context, queue tc.TaskQueue, logger *slog.Logger, d Data) error {
	_, err := u.upload(ctx, queue, logger, d, nil)
	return err
}

// UploadHashed is Upload, and returns the SHA-256 in hex of the bytes that were sent. They are
// hashed while they are sent.
func (u *Uploader) UploadHashed(ctx context.Context, queue tc.TaskQueue, logger *slog.Logger, d Data) (string, error) {
	return u.upload(ctx, queue, logger, d, &sums{[]func() hash.Hash{sha256.New}, nil})
}

// upload returns the SHA-256 where sums asks for one.
func (u *Uploader) upload(ctx context.Context, queue tc.TaskQueue, logger *slog.Logger, d Data, sums *sums) (string, error) {
	if u.Objects != nil {
		return u.object(ctx, queue, logger, d)
	}
	request := tc.Artifact{StorageType: "s3", Expires: d.Expires, ContentType: d.ContentType, ContentLength: &d.Size}
	err := u.send(ctx, logger, d, sums, func(ctx context.Context) (target, error) {
		up, err := queue.CreateArtifact(ctx, d.Name, request)
		if err != nil {
			return target{}, err
		}
		headers := map[string]string{"Content-Type": up.ContentType, "Content-Encoding": encoding(d)}
		return target{up.PutURL, headers, up.Expires}, nil
	})
	if err != nil || sums == nil {
		return "", err
	}
	hashes, err := sums.hex(d.Length)
	if err != nil {
		return "", wrap(d, err)
	}
	return hashes[0], nil
}

func encoding(d Data) string {
	if d.Encoding == "" {
		return "identity"
	}
	return d.Encoding
}

// send sends the data by PUT to where locate says, and asks again when that is no longer good.
func (u *Uploader) send(ctx context.Context, logger *slog.Logger, d Data, sums *sums, locate func(context.Context) (target, error)) error {
	policy := u.Policy
	if policy.Total > 0 {
		policy.Total += needed(d) // else the first attempt with a lot of data could use up all of it
	}
	policy.Notify = func(err error, wait time.Duration) {
		logger.Warn("artifact: upload failed, will try again", "name", d.Name, "error", err, "wait", wait.Round(time.Millisecond))
	}
	var to target
	refused := 0
	return retry.Do(ctx, policy, func(ctx context.Context) error {
		if to.url == "" || !u.Now().Before(to.expires) {
			located, err := locate(ctx)
			if err != nil {
				return retry.Permanent(err)
			}
			to = located
		}
		err := u.put(ctx, to, d, sums)
		switch {
		case errors.Is(err, errStale):
			to = target{}
		case errors.Is(err, errRefused):
			to = target{}
			if refused++; refused > mostRefusals {
				return retry.Permanent(err)
			}
		}
		return err
	})
}

// mostRefusals is how often a fresh URL may be refused before that is believed.
const mostRefusals = 3

// wrap names the artifact in an error of an attempt.
func wrap(d Data, err error) error { return fmt.Errorf("%w: %s: %w", ErrUpload, d.Name, err) }
