// Package launch renders the worker's config, starts the worker, speaks the protocol with it
// and ends it.
package launch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
)

// Render puts what only the runner knows on top of the merged worker config. The keys are
// those of generic-worker, which refuses any other; merged is not changed.
func Render(merged map[string]any, id providers.Identity, c tc.Credentials) (map[string]any, error) {
	provisioner, workerType, _ := strings.Cut(id.WorkerPoolID, "/")
	location, err := json.Marshal(id.Location) // keys sorted; the worker hands it on as text
	if err != nil {
		return nil, fmt.Errorf("render worker config: location: %w", err)
	}
	keys := map[string]any{
		"rootURL":            id.RootURL,
		"provisionerId":      provisioner,
		"workerType":         workerType,
		"workerGroup":        id.WorkerGroup,
		"workerId":           id.WorkerID,
		"clientId":           c.ClientID,
		"accessToken":        c.AccessToken.Reveal(),
		"workerLocation":     string(location),
		"workerTypeMetadata": config.Merge(map[string]any{"m": merged["workerTypeMetadata"]}, map[string]any{"m": metadata(id)})["m"],
	}
	if !c.Certificate.Empty() {
		keys["certificate"] = c.Certificate.Reveal()
	}
	// The public runner writes instanceID, which the public worker loses.
	for key, from := range map[string]string{
		"publicIP": "public-ipv4", "privateIP": "local-ipv4", "instanceType": "instance-type",
		"instanceId": "instance-id", "region": "region", "availabilityZone": "availability-zone",
	} {
		if value, ok := id.Metadata[from]; ok {
			keys[key] = value
		}
	}
	rendered := maps.Clone(merged)
	if rendered == nil {
		rendered = map[string]any{}
	}
	maps.Copy(rendered, keys)
	if c.Certificate.Empty() {
		delete(rendered, "certificate") // one in a lower layer is of other credentials
	}
	return rendered, nil
}

func metadata(id providers.Identity) map[string]any {
	if id.Metadata == nil {
		return map[string]any{}
	}
	return id.Metadata
}

// WriteConfig writes a rendered config for the worker, owner-only. It is written at every
// start, so nothing is lost when the machine crashes before it is on disk.
func WriteConfig(path string, rendered map[string]any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(rendered); err != nil {
		return fmt.Errorf("encode worker config: %w", err)
	}
	if err := private.WriteFast(path, text.Bytes()); err != nil {
		return fmt.Errorf("worker config: %w", err)
	}
	return nil
}
