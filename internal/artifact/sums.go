package artifact

import (
	"encoding/hex"
	"hash"
	"io"
)

// sums are the hashes of the newest attempt. The attempts do not overlap, but net/http may
// still read the body of one when the next begins, so each has its own.
type sums struct {
	wanted []func() hash.Hash
	newest *digest
}

// through returns body, hashed while it is read.
func (s *sums) through(body io.ReadCloser) io.ReadCloser {
	var hashes []hash.Hash
	for _, begin := range s.wanted {
		hashes = append(hashes, begin())
	}
	s.newest = newDigest(hashes...)
	return hashed{body, s.newest}
}

// hex returns the hashes of the length bytes that were sent.
func (s *sums) hex(length int64) ([]string, error) {
	if s.newest.length() != length {
		return nil, ErrChanged
	}
	var all []string
	for _, sum := range s.newest.sums() {
		all = append(all, hex.EncodeToString(sum))
	}
	return all, nil
}
