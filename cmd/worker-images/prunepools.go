package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/workerkit/workerkit/packer/pools"
)

// poolTexts are the definitions of all worker pools, by name, and what each would be after a
// rollback from here.
func poolTexts(ctx context.Context, f pruneFlags) (map[string]string, error) {
	if f.noPools {
		return nil, nil
	}
	manager, err := workerManager()
	if err != nil {
		return nil, fmt.Errorf("prune: the images that worker pools use stay, and which they are is not known: %w; --no-pools does without", err)
	}
	all, err := manager.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("prune: list the worker pools: %w; --no-pools does without", explain(ctx, manager, err, "", ""))
	}
	texts := map[string]string{}
	for _, definition := range all {
		var pool struct {
			ID string `json:"workerPoolId"`
		}
		if err := json.Unmarshal(definition, &pool); err != nil {
			return nil, fmt.Errorf("prune: list the worker pools: %w", err)
		}
		texts[pool.ID] = string(definition)
		former, err := pools.Folder(f.keep).Newest(pool.ID)
		if errors.Is(err, pools.ErrNothingKept) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("prune: %w", err)
		}
		text, err := former.Definition.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("prune: %w", err)
		}
		texts[pool.ID+" (rolled back)"] = string(text)
	}
	return texts, nil
}
