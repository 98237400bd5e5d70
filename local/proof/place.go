package proof

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/local"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	"github.com/workerkit/workerkit/local/clouds/gce"
	"github.com/workerkit/workerkit/local/clouds/host"
	"github.com/workerkit/workerkit/local/session"
)

// rootURL is where guests and this program find the services.
const rootURL = "http://" + guestHost + ":8080"

// standIn is what a machine of the host runs here: nothing. The machine is a virtual one, which
// this package switches on.
const standIn = "#!/bin/sh\nexec sleep 2147483647\n"

// place is a Taskcluster with the three clouds.
type place struct {
	server *local.Server
	pools  tc.Pools
	tasks  tc.Tasks

	stop context.CancelFunc
	wg   sync.WaitGroup
	errs chan error

	mu    sync.Mutex
	asked map[string]calls // by service.method; "metadata" for all of the metadata service
	where string           // the metadata service of the machine that is on
}

func openPlace(ctx context.Context, dir string) (*place, error) {
	program := filepath.Join(dir, "stand-in")
	if err := os.WriteFile(program, []byte(standIn), 0o700); err != nil { //nolint:gosec // a program
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "services.log"))
	if err != nil {
		return nil, err
	}
	p := &place{asked: map[string]calls{}, errs: make(chan error, 2)}
	p.server, err = local.Open(ctx, local.Options{
		Dir: filepath.Join(dir, "services"), RootURL: rootURL,
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Observe: p.observe,
		Clouds:   map[string]clouds.Cloud{"ec2": ec2.New(rand.Reader), "gce": gce.New(rand.Reader), "azure": azure.New(rand.Reader)},
		Machines: host.Options{StartWorker: program, GenericWorker: program},
	})
	if err != nil {
		return nil, err
	}
	root := p.server.RootCredentials()
	credentials := tc.Fixed(tc.Credentials{ClientID: root.ClientID, AccessToken: root.AccessToken})
	p.pools, p.tasks = session.Client(rootURL).Pools(credentials), session.Client(rootURL).Tasks(credentials)
	return p, p.serve(ctx)
}

// serve listens for guests: the services at one port, the metadata service at 80. A guest's
// connection to the address of the metadata service arrives on loopback.
func (p *place) serve(ctx context.Context) error {
	var config net.ListenConfig
	services, err := config.Listen(ctx, "tcp4", "0.0.0.0:8080")
	if err != nil {
		return err
	}
	metadata, err := config.Listen(ctx, "tcp4", "127.0.0.1:80")
	if err != nil {
		return errors.Join(err, services.Close())
	}
	ctx, p.stop = context.WithCancel(ctx)
	p.wg.Go(func() { p.errs <- p.server.Serve(ctx, services) })
	p.wg.Go(func() {
		<-ctx.Done()
		_ = metadata.Close() // only listened
	})
	p.wg.Go(func() {
		for {
			conn, err := metadata.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.forward(ctx, conn) })
		}
	})
	return nil
}

// forward connects a guest with its metadata service, byte for byte.
func (p *place) forward(ctx context.Context, conn net.Conn) {
	defer conn.Close() //nolint:errcheck // forwarded
	p.mu.Lock()
	where := p.where
	p.mu.Unlock()
	if where == "" {
		return
	}
	to, err := new(net.Dialer).DialContext(ctx, "tcp", where)
	if err != nil {
		return // as if there was none
	}
	defer to.Close() //nolint:errcheck // forwarded
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(to, conn)
		_ = to.Close()
	}()
	_, _ = io.Copy(conn, to)
	_ = conn.Close()
	<-done
}

// lead makes a machine's metadata service the one that guests reach.
func (p *place) lead(where string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.where = where
}

// calls are all calls of one kind.
type calls struct {
	first time.Time // that was answered well
	last  api.Call
	count int
}

func (p *place) observe(c api.Call) {
	const good = 300
	name := c.Service + "." + c.Method
	if c.Service == "metadata" {
		name = c.Service
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.asked[name]
	if c.Status < good && all.first.IsZero() {
		all.first = c.Start
	}
	all.last, all.count = c, all.count+1
	p.asked[name] = all
}

// called tells when a call was made for the first time, and answered well.
func (p *place) called(name string) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.asked[name].first
	return first, !first.IsZero()
}

// lastAsked is what the machine last asked, and how it was answered, in the order in which a
// worker asks.
func (p *place) lastAsked(began time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, name := range []string{"metadata", "worker-manager.registerWorker", "queue.claimWork"} {
		_, short, _ := strings.Cut("."+name, ".")
		if i := strings.LastIndex(short, "."); i >= 0 {
			short = short[i+1:]
		}
		asked := p.asked[name]
		if asked.count == 0 {
			all = append(all, short+" never asked")
			continue
		}
		all = append(all, fmt.Sprintf("%s asked %d times, last at %.1f s with the answer %d",
			short, asked.count, asked.last.Start.Sub(began).Seconds(), asked.last.Status))
	}
	return strings.Join(all, "; ")
}

func (p *place) addPool(ctx context.Context, b boot) error {
	definition, err := json.Marshal(map[string]any{
		"providerId": b.provider, "description": "", "owner": "nobody@localhost.localdomain", "emailOnError": false, "config": b.config(),
	})
	if err != nil {
		return fmt.Errorf("encode the pool: %w", err)
	}
	return p.pools.Create(ctx, b.pool(), definition)
}

func (p *place) close() error {
	p.stop()
	p.wg.Wait()
	return errors.Join(<-p.errs, p.server.Close())
}
