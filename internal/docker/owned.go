package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// Owner is the key of the label of each container and network that a worker makes. Its value is the
// worker's Identity.
const Owner = "workerkit.worker"

// Identity is what no two workers of one engine have the same.
func Identity(rootURL, pool, group, id string) string {
	return strings.Join([]string{rootURL, pool, group, id}, " ")
}

// Sweep removes the containers, with their own volumes, and then the networks that a worker has made, and
// returns how many containers there were. What cannot be removed does not keep the rest.
func (e *Engine) Sweep(ctx context.Context, worker string) (containers int, err error) {
	filter := make(client.Filters).Add("label", Owner+"="+worker)
	all, err := e.API.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return 0, err //nolint:wrapcheck // by the caller
	}
	for _, c := range all.Items {
		err = errors.Join(err, e.RemoveContainer(ctx, c.ID))
	}
	networks, listErr := e.API.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	err = errors.Join(err, listErr)
	for _, n := range networks.Items {
		err = errors.Join(err, e.RemoveNetwork(ctx, n.ID))
	}
	return len(all.Items), err
}

// RemoveContainer removes a container with its own volumes, and ends it if it runs. It is no error that
// there is none.
func (e *Engine) RemoveContainer(ctx context.Context, id string) error {
	const attempts, pause = 20, 100 * time.Millisecond
	e.makeRoom(ctx, id)
	for i := 0; ; i++ {
		_, err := e.API.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil || Missing(err) {
			return nil
		}
		if !Passing(err) || i == attempts {
			return fmt.Errorf("remove the container: %w", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// RemoveNetwork removes a network. It is no error that there is none.
func (e *Engine) RemoveNetwork(ctx context.Context, id string) error {
	_, err := e.API.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	if err != nil && !Missing(err) {
		return fmt.Errorf("remove the network: %w", err)
	}
	return nil
}

// Passing tells whether Podman could not end a container because it had just ended, which it says by
// text alone.
func Passing(err error) bool {
	return err != nil && strings.Contains(err.Error(), "container state improper: stopp")
}
