package workermanager

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// launchConfigBucket holds launch configs by workerPoolId/launchConfigId.
const launchConfigBucket = "workermanager/launchconfigs"

// launchConfig is one, as it is stored and as the API shows it.
type launchConfig struct {
	LaunchConfigID string          `json:"launchConfigId"`
	WorkerPoolID   string          `json:"workerPoolId"`
	IsArchived     bool            `json:"isArchived"`
	Configuration  json.RawMessage `json:"configuration"`
	Created        tcclient.Time   `json:"created"`
	LastModified   tcclient.Time   `json:"lastModified"`
}

func (l launchConfig) key() string { return l.WorkerPoolID + "/" + l.LaunchConfigID }

// object is a JSON object of which only some members matter.
type object map[string]json.RawMessage

// nameLaunchConfigs gives every launch config that has no id one of its content, so that the
// same config has the same id when it is sent again.
func nameLaunchConfigs(config json.RawMessage) (json.RawMessage, error) {
	var top object
	if err := json.Unmarshal(config, &top); err != nil {
		return nil, fmt.Errorf("config of a worker pool: %w", err)
	}
	list, err := launchConfigsOf(config)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, l := range list {
		id, err := nameLaunchConfig(l)
		if err != nil {
			return nil, err
		}
		if known[id] {
			return nil, fmt.Errorf("config of a worker pool: launchConfigId %s is there twice", id)
		}
		known[id] = true
	}
	if top["launchConfigs"], err = json.Marshal(list); err != nil {
		return nil, fmt.Errorf("config of a worker pool: %w", err)
	}
	return json.Marshal(top)
}

// launchConfigsOf lists the launch configs in a pool's config, none for kinds that have none.
func launchConfigsOf(config json.RawMessage) ([]object, error) {
	var c struct {
		LaunchConfigs []object `json:"launchConfigs"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("config of a worker pool: launchConfigs: %w", err)
	}
	return c.LaunchConfigs, nil
}

// nameLaunchConfig makes sure that l has an id, and returns it.
func nameLaunchConfig(l object) (string, error) {
	manager := object{}
	if raw, ok := l["workerManager"]; ok {
		if err := json.Unmarshal(raw, &manager); err != nil {
			return "", fmt.Errorf("config of a worker pool: workerManager: %w", err)
		}
	}
	var id string
	if raw, ok := manager["launchConfigId"]; ok {
		if err := json.Unmarshal(raw, &id); err != nil {
			return "", fmt.Errorf("config of a worker pool: launchConfigId: %w", err)
		}
		return id, nil
	}
	delete(l, "workerManager") // may change without a new id
	id, err := contentID(l)
	if err != nil {
		return "", err
	}
	manager["launchConfigId"] = json.RawMessage(`"` + id + `"`)
	l["workerManager"], err = json.Marshal(manager)
	return id, err
}

func contentID(l object) (string, error) {
	data, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("config of a worker pool: %w", err)
	}
	var plain any // decoded as a whole, so that the order of the members does not count
	if err := json.Unmarshal(data, &plain); err != nil {
		return "", fmt.Errorf("config of a worker pool: %w", err)
	}
	if data, err = json.Marshal(plain); err != nil {
		return "", fmt.Errorf("config of a worker pool: %w", err)
	}
	sum := sha256.Sum256(data)
	return "lc-" + hex.EncodeToString(sum[:10]), nil
}

// putLaunchConfigs brings the stored launch configs in line with the pool's config: those that
// are not in it any more are archived.
func putLaunchConfigs(tx *store.Tx, pool Pool) error {
	stored, err := storedLaunchConfigs(tx, pool.WorkerPoolID)
	if err != nil {
		return err
	}
	var current []object
	if pool.ProviderID != nullProviderID {
		if current, err = launchConfigsOf(pool.Config); err != nil {
			return err
		}
	}
	for _, l := range current {
		next := launchConfig{WorkerPoolID: pool.WorkerPoolID, Created: pool.LastModified, LastModified: pool.LastModified}
		if next.LaunchConfigID, err = nameLaunchConfig(l); err != nil {
			return err
		}
		if next.Configuration, err = json.Marshal(l); err != nil {
			return fmt.Errorf("worker-manager: encode launch config %s: %w", next.LaunchConfigID, err)
		}
		former, known := stored[next.LaunchConfigID]
		delete(stored, next.LaunchConfigID)
		if known {
			if err := sameLaunchConfig(former, l); err != nil {
				return err
			}
			next.Created = former.Created
		}
		if known && !former.IsArchived && bytes.Equal(former.Configuration, next.Configuration) {
			continue
		}
		if err := tx.Put(launchConfigBucket, next.key(), next); err != nil {
			return err
		}
	}
	return archive(tx, stored, pool.LastModified)
}

// sameLaunchConfig refuses another launch config under an id that the pool has had: an id is of
// one content for ever, but for what worker-manager itself wants to know.
func sameLaunchConfig(former launchConfig, now object) error {
	var then object
	if err := json.Unmarshal(former.Configuration, &then); err != nil {
		return fmt.Errorf("worker-manager: decode launch config %s: %w", former.LaunchConfigID, err)
	}
	now = maps.Clone(now)
	delete(then, "workerManager")
	delete(now, "workerManager")
	was, err := contentID(then)
	if err != nil {
		return err
	}
	is, err := contentID(now)
	if err == nil && was != is {
		err = api.InputError("launchConfigId %s is of another launch config: one that has changed needs a new id, or none", former.LaunchConfigID)
	}
	return err
}

func archive(tx *store.Tx, list map[string]launchConfig, now tcclient.Time) error {
	for _, l := range list {
		if l.IsArchived {
			continue
		}
		l.IsArchived, l.LastModified = true, now
		if err := tx.Put(launchConfigBucket, l.key(), l); err != nil {
			return err
		}
	}
	return nil
}

func storedLaunchConfigs(tx *store.Tx, pool string) (map[string]launchConfig, error) {
	found := map[string]launchConfig{}
	err := tx.Each(launchConfigBucket, pool+"/", "", decode(func(_ string, l launchConfig) { found[l.LaunchConfigID] = l }))
	return found, err
}

func (s *Server) listWorkerPoolLaunchConfigs(ctx context.Context, r *api.Request) (any, error) {
	type reply struct {
		WorkerPoolLaunchConfigs []launchConfig `json:"workerPoolLaunchConfigs"`
		ContinuationToken       string         `json:"continuationToken,omitempty"`
	}
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	all := r.Query.Get("includeArchived") == "true"
	return store.Read(ctx, s.store, func(tx *store.Tx) (reply, error) {
		pool, err := getPool(tx, r.Params["workerPoolId"])
		if err != nil {
			return reply{}, err
		}
		list, token, err := api.List(tx, launchConfigBucket, pool.WorkerPoolID+"/", page, func(l launchConfig) bool {
			return all || !l.IsArchived
		})
		return reply{append([]launchConfig{}, list...), token}, err
	})
}

// workerPoolStats counts a pool's workers by launch config.
func (s *Server) workerPoolStats(ctx context.Context, r *api.Request) (any, error) {
	type stats struct {
		WorkerPoolID   string `json:"workerPoolId"`
		LaunchConfigID string `json:"launchConfigId"`
		counts
	}
	type reply struct {
		LaunchConfigStats []stats `json:"launchConfigStats"`
	}
	return store.Read(ctx, s.store, func(tx *store.Tx) (reply, error) {
		out := reply{[]stats{}}
		pool, err := getPool(tx, r.Params["workerPoolId"])
		if err != nil {
			return out, err
		}
		at := map[string]int{}
		err = tx.Each(launchConfigBucket, pool.WorkerPoolID+"/", "", decode(func(_ string, l launchConfig) {
			at[l.LaunchConfigID] = len(out.LaunchConfigStats)
			out.LaunchConfigStats = append(out.LaunchConfigStats, stats{WorkerPoolID: pool.WorkerPoolID, LaunchConfigID: l.LaunchConfigID})
		}))
		if err != nil {
			return out, err
		}
		return out, tx.Each(workerBucket, pool.WorkerPoolID+"/", "", decode(func(_ string, w Worker) {
			if i, ok := at[w.LaunchConfigID]; ok {
				out.LaunchConfigStats[i].add(w)
			}
		}))
	})
}
