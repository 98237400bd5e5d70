// Package object is the object service: named, immutable objects that are uploaded in one of
// two ways (dataInline, putUrl), finished, and downloaded in one of two (simple, getUrl).
package object

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/blob"
	"github.com/workerkit/workerkit/local/store"
)

const (
	bucket = "object/objects"
	// unfinishedFor is how long an upload may take before its name is free again.
	unfinishedFor = 24 * time.Hour
	sweepEvery    = time.Minute
)

// Deps is what the service needs; all of it is required.
type Deps struct {
	Store  *store.Store
	Blobs  *blob.Store
	Clock  func() time.Time
	Logger *slog.Logger
}

// Server is the service. It is safe for concurrent use; what it knows is in the store and
// the bytes are in the blob store, under the object's name.
type Server struct {
	store  *store.Store
	blobs  *blob.Store
	clock  func() time.Time
	logger *slog.Logger
}

// New makes the service.
func New(d Deps) *Server {
	return &Server{store: d.Store, blobs: d.Blobs, clock: d.Clock, logger: d.Logger}
}

// Service lists the service's methods.
func (s *Server) Service() api.Service {
	return api.Service{Name: "object", Handlers: map[string]api.Handler{
		"createUpload":  s.createUpload,
		"finishUpload":  s.finishUpload,
		"startDownload": s.startDownload,
		"object":        s.object,
		"download":      s.download,
	}}
}

// record is an object as it is stored.
type record struct {
	Name      string            `json:"name"`
	ProjectID string            `json:"projectId"`
	UploadID  string            `json:"uploadId"`
	Created   tcclient.Time     `json:"created"`
	Expires   tcclient.Time     `json:"expires"`
	Hashes    map[string]string `json:"hashes"`
	Finished  bool              `json:"finished"`
}

// gone tells whether the object no longer exists at the time now.
func (o record) gone(now time.Time) bool {
	if !o.Finished && now.Sub(time.Time(o.Created)) > unfinishedFor {
		return true
	}
	return !now.Before(time.Time(o.Expires))
}

// addHashes takes over hashes that are new; one that is there already must be the same.
func (o *record) addHashes(hashes map[string]string) error {
	for name, value := range hashes {
		if known, ok := o.Hashes[name]; ok && known != value {
			return api.Conflict("Hash %s of the object is set already and cannot be changed", name)
		}
		o.Hashes[name] = value
	}
	return nil
}

// get reads the object that a name stands for at the time now.
func get(tx *store.Tx, name string, now time.Time) (o record, found bool, err error) {
	found, err = tx.Get(bucket, name, &o)
	if err != nil || !found || o.gone(now) {
		return record{}, false, err
	}
	return o, true, nil
}

// Finished tells whether the upload uploadID of the named object is complete. The queue asks
// in its own transaction, before it makes the object an artifact.
func (s *Server) Finished(tx *store.Tx, name, uploadID string) (bool, error) {
	o, found, err := get(tx, name, s.clock())
	return found && o.Finished && o.UploadID == uploadID, err
}

// Run removes, once a minute until ctx ends, objects that have expired.
func (s *Server) Run(ctx context.Context) error {
	store.Every(ctx, sweepEvery, s.logger, s.Sweep)
	return nil
}

// Sweep does once what Run does every minute.
func (s *Server) Sweep(ctx context.Context) error {
	gone, err := store.Read(ctx, s.store, s.expired)
	if err != nil || len(gone) == 0 {
		return err
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		gone, err := s.expired(tx) // again: a name may be in use anew
		if err != nil {
			return err
		}
		for _, name := range gone {
			// The bytes go first: a record without bytes is removed by the next sweep,
			// bytes without a record never.
			if err := errors.Join(s.blobs.Delete(blob.ObjectBucket, name), tx.Delete(bucket, name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Server) expired(tx *store.Tx) (names []string, err error) {
	now := s.clock()
	err = tx.Each(bucket, "", "", func(name string, value []byte) (bool, error) {
		var o record
		if err := json.Unmarshal(value, &o); err != nil {
			return false, fmt.Errorf("object: decode %s: %w", name, err)
		}
		if o.gone(now) {
			names = append(names, name)
		}
		return true, nil
	})
	return names, err
}
