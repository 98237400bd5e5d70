// Package blob stores the bytes of artifacts and objects as files, and serves them over HTTP
// at signed URLs that look and behave like those of S3.
package blob

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The buckets. Whoever knows a key of the public one may read it with an unsigned GET or
// HEAD; everything else needs a signed URL.
const (
	PublicBucket  = "public-bucket"
	PrivateBucket = "private-bucket"
	ObjectBucket  = "object-bucket"
)

// PathPrefix is the path under the root URL at which Handler expects to be mounted; a blob
// is at <root URL>/s3/<bucket>/<key>.
const PathPrefix = "/s3/"

// ErrNotFound is the reason of an Open or a Stat of a key that holds nothing.
var ErrNotFound = errors.New("no such blob")

// Meta is what is kept with the bytes of a blob and sent with them.
type Meta struct {
	ContentType     string `json:"contentType,omitempty"`
	ContentEncoding string `json:"contentEncoding,omitempty"`
}

// Info describes a stored blob.
type Info struct {
	Meta
	Size     int64     // bytes, as stored (so encoded)
	ETag     string    // with its quotes; new with every write
	Modified time.Time // when the last byte arrived
}

// Options are what a Store needs beside its folder.
type Options struct {
	Clock   func() time.Time // time.Now when nil
	RootURL func() string    // of the listener that serves Handler, asked when a URL is made
	Logger  *slog.Logger     // discards when nil
}

// Store keeps blobs in a folder. It is safe for concurrent use: of several writers of one
// key the last to finish wins, and a reader sees the whole of one write.
type Store struct {
	objects string // <bucket>-<hash of the key>, in folders by the hash's first byte
	temp    string // writes under way
	key     []byte // signs URLs
	clock   func() time.Time
	rootURL func() string
	log     *slog.Logger
	buffers sync.Pool // *[]byte, for copies
}

// Open opens the store in the folder dir, which it makes when absent, and drops what writes
// that a crash cut short have left. One process may have a folder open at a time.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{
		objects: filepath.Join(dir, "objects"),
		temp:    filepath.Join(dir, "temp"),
		clock:   o.Clock,
		rootURL: o.RootURL,
		log:     o.Logger,
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.buffers.New = func() any { b := make([]byte, copyBuffer); return &b }
	if err := os.RemoveAll(s.temp); err != nil {
		return nil, fmt.Errorf("blob: drop unfinished writes: %w", err)
	}
	for _, d := range []string{s.objects, s.temp} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("blob: make the folder: %w", err)
		}
	}
	var err error
	if s.key, err = s.signingKey(filepath.Join(dir, "signing-key")); err != nil {
		return nil, err
	}
	return s, nil
}

// signingKey reads the key at path, or makes one, so that signed URLs outlive a restart.
func (s *Store) signingKey(path string) ([]byte, error) {
	const size = 32
	key, err := os.ReadFile(path)
	if err == nil && len(key) == size {
		return key, nil
	}
	if err == nil {
		return nil, fmt.Errorf("blob: signing key %s has %d bytes, not %d", path, len(key), size)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("blob: read the signing key: %w", err)
	}
	key = make([]byte, size)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("blob: make a signing key: %w", err)
	}
	if err := s.writeKey(path, key); err != nil {
		return nil, fmt.Errorf("blob: keep the signing key: %w", err)
	}
	return key, nil
}

func (s *Store) writeKey(path string, key []byte) error {
	f, err := os.CreateTemp(s.temp, "key-") // 0600
	if err != nil {
		return err
	}
	if _, err := f.Write(key); err != nil {
		return errors.Join(err, f.Close())
	}
	return commit(f, path)
}

// file is where a key's bytes are. Keys may hold any text, so the name is a hash of it.
func (s *Store) file(bucket, key string) string {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	return filepath.Join(s.objects, name[:2], bucket+"-"+name)
}
