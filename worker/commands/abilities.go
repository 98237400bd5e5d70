package commands

import (
	"context"
	"fmt"
	"net/http"

	"github.com/workerkit/workerkit/worker/engines"
)

// Mount implements engines.Mounter.
func (b *Builder) Mount(ctx context.Context, m engines.Mount) error {
	err := b.mounts.Mount(ctx, m)
	if err != nil {
		return fmt.Errorf("%s: %w", b.config.Engine, err)
	}
	return nil
}

// Proxy implements engines.Proxier. The first proxy of a run has the port of its slot, further ones have
// any that is free. A caller that is not of the run is told so with status 403. On Linux it is known
// who calls: the task's own user, or root; where all tasks run as one user, a process of the run.
// On other systems whoever is on this machine can call.
func (b *Builder) Proxy(ctx context.Context, _ string, h http.Handler) (string, error) {
	port := 0
	if len(b.proxies) == 0 && b.config.ProxyPort != 0 {
		const slot = 4 // ports of each
		port = int(b.config.ProxyPort) + slot*b.run.Slot
	}
	p, err := newProxy(ctx, port, h, b.run.Logger)
	if err != nil {
		return "", fmt.Errorf("%s: %w", b.config.Engine, err)
	}
	b.proxies = append(b.proxies, p)
	return p.url(), nil
}

// Join implements engines.Grouper. Where the commands run as this process, it must be a member already.
func (b *Builder) Join(ctx context.Context, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	if b.config.User == nil {
		return member(groups)
	}
	user, err := b.config.Join(ctx, groups)
	if err != nil {
		return err
	}
	b.Use(user) // others may write to the mounts then, as with the group docker
	return nil
}

// closeProxies closes what is open still.
func closeProxies(all []*proxy) {
	for _, p := range all {
		p.close()
	}
}

var (
	_ engines.Mounter = (*Builder)(nil)
	_ engines.Proxier = (*Builder)(nil)
	_ engines.Grouper = (*Builder)(nil)
	_ engines.Sheller = (*sandbox)(nil)
)
