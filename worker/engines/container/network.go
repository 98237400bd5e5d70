package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
)

// network is that of one run.
type network struct {
	id, name string
	gateway  netip.Addr   // this machine's address in it; not valid when that is not known
	subnet   netip.Prefix // of all addresses in it
}

// BridgePrefix begins the name of the bridge of each run's network.
const BridgePrefix = "wkt"

const (
	bridgeName = "com.docker.network.bridge.name"
	bridgeMTU  = "com.docker.network.driver.mtu"
)

// newNetwork makes a network. It has the size of packets of the engine's usual one: on some clouds
// larger ones are lost.
func (e *Engine) newNetwork(ctx context.Context, name string) (*network, error) {
	sum := sha256.Sum256([]byte(name))
	const length = 5 // bytes; the system takes names of 15 characters
	options := map[string]string{bridgeName: BridgePrefix + hex.EncodeToString(sum[:length])}
	if e.mtu != "" {
		options[bridgeMTU] = e.mtu
	}
	made, err := e.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{Driver: "bridge", Options: options, Labels: e.labels(name)})
	if err != nil {
		return nil, fmt.Errorf("container: make the task's network: %w", err)
	}
	n := &network{id: made.ID, name: name}
	found, err := e.api.NetworkInspect(ctx, n.id, client.NetworkInspectOptions{})
	if err != nil {
		return n, fmt.Errorf("container: look at the task's network: %w", err)
	}
	for _, c := range found.Network.IPAM.Config {
		if c.Gateway.Is4() {
			n.gateway, n.subnet = c.Gateway, c.Subnet
		}
	}
	return n, nil
}

// defaultMTU is that of the usual network; "" is not known.
func (e *Engine) defaultMTU(ctx context.Context) string {
	found, err := e.api.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	if err != nil {
		return "" // Podman has none of that name
	}
	return found.Network.Options[bridgeMTU]
}

func (e *Engine) removeNetwork(ctx context.Context, id string) error {
	_, err := e.api.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	if err != nil && !docker.Missing(err) {
		return fmt.Errorf("remove the network: %w", err)
	}
	return nil
}

// removeContainer removes a container with its own volumes, and ends it if it runs.
func (e *Engine) removeContainer(ctx context.Context, id string) error {
	_, err := e.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !docker.Missing(err) {
		return fmt.Errorf("remove the container: %w", err)
	}
	return nil
}
