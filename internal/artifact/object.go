package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/internal/tc"
)

// inlineLimit is the length from which on data no longer goes with the call itself.
const inlineLimit = 8192

// object uploads to the object service.
func (u *Uploader) object(ctx context.Context, queue tc.TaskQueue, logger *slog.Logger, d Data) error {
	if strings.ContainsFunc(d.Name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ErrName // the queue would fail to answer, however often it is asked
	}
	// No content length: a deployment of today fails to finish an artifact that was made with one.
	up, err := queue.CreateArtifact(ctx, d.Name, tc.Artifact{StorageType: "object", Expires: d.Expires, ContentType: d.ContentType})
	if err != nil {
		return err
	}
	s := &sums{}
	inline, err := s.inline(d)
	if err != nil {
		return wrap(d, err)
	}
	method, err := u.Objects.CreateUpload(ctx, up, d.ContentType, d.Length, inline)
	if err != nil {
		return err
	}
	if !method.Inline {
		if err := u.sendObject(ctx, logger, d, up, method, s); err != nil {
			return err
		}
	}
	sha256, sha512, err := s.hex(d.Length)
	if err != nil {
		return wrap(d, err)
	}
	if err := u.Objects.FinishUpload(ctx, up, sha256, sha512); err != nil {
		return err
	}
	return queue.FinishArtifact(ctx, d.Name, up.UploadID)
}

// sendObject sends the data by the method that the service chose, and asks for it again when
// its URL is no longer good.
func (u *Uploader) sendObject(ctx context.Context, logger *slog.Logger, d Data, up tc.Upload, method tc.UploadMethod, s *sums) error {
	first := &method
	return u.send(ctx, logger, d, s, func(ctx context.Context) (target, error) {
		m := first
		first = nil
		if m == nil {
			again, err := u.Objects.CreateUpload(ctx, up, d.ContentType, d.Length, nil)
			if err != nil {
				return target{}, err
			}
			m = &again
		}
		if m.PutURL == "" {
			return target{}, wrap(d, errors.New("the object service takes none of the methods that were proposed"))
		}
		return target{m.PutURL, m.Headers, m.Expires}, nil
	})
}

// sums are the hashes of the newest attempt. The attempts do not overlap, but net/http may
// still read the body of one when the next begins, so each has its own.
type sums struct{ newest *hashed }

// through returns body, hashed while it is read.
func (s *sums) through(body io.ReadCloser) io.ReadCloser {
	s.newest = &hashed{body: body, sha256: sha256.New(), sha512: sha512.New()}
	return s.newest
}

// inline reads and hashes data that is short enough to go with the call; nil is data that is not.
func (s *sums) inline(d Data) ([]byte, error) {
	if d.Length >= inlineLimit {
		return nil, nil
	}
	body, err := open(d)
	if err != nil {
		return nil, err
	}
	through := s.through(body)
	defer through.Close()
	data := bytes.NewBuffer(make([]byte, 0, inlineLimit))
	_, err = data.ReadFrom(through)
	return data.Bytes(), err
}

// hex returns the hashes of the length bytes that were sent.
func (s *sums) hex(length int64) (sha256, sha512 string, err error) {
	h := s.newest
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n != length {
		return "", "", ErrChanged
	}
	return hex.EncodeToString(h.sha256.Sum(nil)), hex.EncodeToString(h.sha512.Sum(nil)), nil
}

// hashed hashes what is read from body.
type hashed struct {
	body io.ReadCloser

	mu             sync.Mutex
	sha256, sha512 hash.Hash
	n              int64
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.body.Read(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sha256.Write(p[:n])
	h.sha512.Write(p[:n])
	h.n += int64(n)
	return n, err
}

func (h *hashed) Close() error { return h.body.Close() }
