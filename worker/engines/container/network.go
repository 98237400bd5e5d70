package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
)

// network is that of one run at a time.
type network struct {
	id, name string
	gateway  netip.Addr   // this machine's address in it; not valid when that is not known
	subnet   netip.Prefix // of all addresses in it
}

// BridgePrefix begins the name of the bridge of each network.
const BridgePrefix = "wkt"

// errInUse is for a network of ours in which somebody has a container.
var errInUse = errors.New("there is a container in it")

const (
	bridgeName = "com.docker.network.bridge.name"
	bridgeMTU  = "com.docker.network.driver.mtu"
)

// takeNetwork gives a run a network that no other run has, until giveNetwork: one that a run before
// had, or a new one. To make and remove one takes an engine as long as to start a container.
func (e *Engine) takeNetwork(ctx context.Context) (*network, error) {
	for {
		n := e.idleNetwork()
		if n == nil {
			break
		}
		err := e.look(ctx, n)
		if err == nil {
			return n, nil
		}
		if ctx.Err() != nil || docker.Gone(err) {
			e.giveNetwork(n)
			return nil, err
		}
		e.config.Logger.Info("container: a network is not used again", "network", n.name, "reason", err)
		_ = e.remove(ctx, leftover{n.id, e.config.Docker.RemoveNetwork}) // tried again later
	}
	return e.newNetwork(ctx)
}

// idleNetwork takes one that no run has; nil when there is none.
func (e *Engine) idleNetwork() *network {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.idle) == 0 {
		return nil
	}
	n := e.idle[len(e.idle)-1]
	e.idle = e.idle[:len(e.idle)-1]
	return n
}

// giveNetwork takes back a network in which there is no container any more.
func (e *Engine) giveNetwork(n *network) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.idle = append(e.idle, n)
}

// newNetwork makes a network. It has the size of packets of the engine's usual one: on some clouds
// larger ones are lost.
func (e *Engine) newNetwork(ctx context.Context) (*network, error) {
	const length = 5 // bytes; the system takes names of 15 characters
	tail := make([]byte, length)
	_, _ = rand.Read(tail) // never fails
	bridge := BridgePrefix + hex.EncodeToString(tail)
	options := map[string]string{bridgeName: bridge}
	if e.mtu != "" {
		options[bridgeMTU] = e.mtu
	}
	name := "workerkit-" + bridge
	id, err := e.create(ctx, name, options)
	if err != nil {
		return nil, fmt.Errorf("container: make the task's network: %w", err)
	}
	n := &network{id: id, name: name}
	if err := e.look(ctx, n); err != nil {
		return nil, errors.Join(err, e.remove(context.WithoutCancel(ctx), leftover{n.id, e.config.Docker.RemoveNetwork}))
	}
	return n, nil
}

// look asks for the addresses of a network, and whether it is fit for a run.
func (e *Engine) look(ctx context.Context, n *network) error {
	found, err := e.api.NetworkInspect(ctx, n.id, client.NetworkInspectOptions{})
	if err == nil && len(found.Network.Containers) > 0 {
		err = errInUse
	}
	if err != nil {
		return fmt.Errorf("container: look at the task's network: %w", err)
	}
	for _, c := range found.Network.IPAM.Config {
		if c.Gateway.Is4() {
			n.gateway, n.subnet = c.Gateway, c.Subnet
		}
	}
	return nil
}

// create makes a network, with IPv6 where the engine's usual one has it and there are addresses for it.
func (e *Engine) create(ctx context.Context, name string, options map[string]string) (id string, err error) {
	ctx, done := making(ctx)
	defer done()
	o := client.NetworkCreateOptions{Driver: "bridge", Options: options, Labels: map[string]string{docker.Owner: e.config.Worker}}
	if e.ipv6.Load() {
		yes := true
		o.EnableIPv6 = &yes
	}
	made, err := e.api.NetworkCreate(ctx, name, o)
	if err != nil && o.EnableIPv6 != nil && !docker.Gone(err) {
		if e.ipv6.Swap(false) {
			e.config.Logger.Warn("container: the tasks' networks are without IPv6, which the engine's usual one has", "error", err)
		}
		o.EnableIPv6 = nil
		made, err = e.api.NetworkCreate(ctx, name, o)
	}
	return made.ID, err //nolint:wrapcheck // by newNetwork
}

// usual looks at the engine's usual network, which Docker calls bridge; Podman has none of that name. Before
// version 27 Docker did not keep networks apart that have IPv6, unless it was told to.
func (e *Engine) usual(ctx context.Context) {
	found, err := e.api.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	if err != nil {
		return
	}
	e.mtu = found.Network.Options[bridgeMTU]
	const apart = 27
	major, _, _ := strings.Cut(e.config.Docker.Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n >= apart && !e.config.Docker.Podman {
		e.ipv6.Store(found.Network.EnableIPv6)
	}
}
