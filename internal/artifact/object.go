package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"log/slog"
	"strings"

	"github.com/workerkit/workerkit/internal/tc"
)

// inlineLimit is the length from which on data no longer goes with the call itself.
const inlineLimit = 8192

// object uploads to the object service and returns the SHA-256 in hex.
func (u *Uploader) object(ctx context.Context, queue tc.TaskQueue, logger *slog.Logger, d Data) (string, error) {
	if strings.ContainsFunc(d.Name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", ErrName // the queue would fail to answer, however often it is asked
	}
	// No content length: a deployment of today fails to finish an artifact that was made with one.
	up, err := queue.CreateArtifact(ctx, d.Name, tc.Artifact{StorageType: "object", Expires: d.Expires, ContentType: d.ContentType})
	if err != nil {
		return "", err
	}
	s := &sums{[]func() hash.Hash{sha256.New, sha512.New}, nil}
	data, err := inline(d, s)
	if err != nil {
		return "", wrap(d, err)
	}
	method, err := u.Objects.CreateUpload(ctx, up, d.ContentType, d.Length, data)
	if err != nil {
		return "", err
	}
	if !method.Inline {
		if err := u.sendObject(ctx, logger, d, up, method, s); err != nil {
			return "", err
		}
	}
	hashes, err := s.hex(d.Length)
	if err != nil {
		return "", wrap(d, err)
	}
	if err := u.Objects.FinishUpload(ctx, up, hashes[0], hashes[1]); err != nil {
		return "", err
	}
	return hashes[0], queue.FinishArtifact(ctx, d.Name, up.UploadID)
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

// inline reads and hashes data that is short enough to go with the call; nil is data that is not.
func inline(d Data, s *sums) ([]byte, error) {
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
