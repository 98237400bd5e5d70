// Package dryrun is a stand on which whole packer builds run without a cloud: the APIs of EC2,
// GCE and Azure, and a machine to provision, all on loopback. Environment variables alone point
// a build at it, except that its template must take the port and user of SSH, and for EC2 the
// endpoint, from variables.
package dryrun

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	azure "github.com/workerkit/workerkit/local/clouds/azure/api"
	ec2 "github.com/workerkit/workerkit/local/clouds/ec2/api"
	gce "github.com/workerkit/workerkit/local/clouds/gce/api"
	"github.com/workerkit/workerkit/local/dryrun/machine"
	"github.com/workerkit/workerkit/local/dryrun/proxy"
)

// Options say how the stand is. Dir is required.
type Options struct {
	// Dir is the folder for the credentials, the certificate and the machine, made when absent.
	// It must be another one for each stand.
	Dir string
	// Run makes the machine really run what packer sends, as the current user, beginning in a
	// folder in Dir. When false it rehearses: see the package machine.
	Run bool
	// NoMachine leaves the machine out, and with it the need of OpenSSH's server: for programs that
	// call the APIs and provision nothing.
	NoMachine bool
	// Base tells whether there is such an image to build upon, as clouds.BuildOptions has it.
	Base func(name string) bool
	// Existing are the ids of resource groups, galleries and images in galleries that are there in
	// Azure before a build, because a build only uses them.
	Existing []string
	Clock    func() time.Time // of the clouds; time.Now when nil
	Log      *slog.Logger     // discards when nil
}

// Stand is what Start has started. It is safe for concurrent use.
type Stand struct {
	EC2   *ec2.API
	GCE   *gce.API
	Azure *azure.API

	dir     string
	machine *machine.Machine
	proxy   *proxy.Proxy
	server  *http.Server
	url     string
	served  chan error
}

// Start starts a stand. End it with Close; the end of ctx ends what it does, and only Close
// waits for that. The error is machine.ErrNoSSHD where no machine can be had.
func Start(ctx context.Context, o Options) (*Stand, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(o.Dir) // it goes into the environment of programs
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	s := &Stand{dir: dir, served: make(chan error, 1)}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("dry run: %w", err), s.Close())
	}
	return s, nil
}

func (s *Stand) start(ctx context.Context, o Options) (err error) {
	home := s.file("machine")
	const owner = 0o700
	if err := os.MkdirAll(home, owner); err != nil {
		return err
	}
	build := clouds.BuildOptions{Clock: o.Clock, Base: o.Base, Project: projectID, Log: o.Log}
	if !o.NoMachine {
		if s.machine, err = machine.Start(ctx, machine.Options{Dir: home, Run: o.Run, Files: files(), Log: o.Log}); err != nil {
			return err
		}
		build.Boot, build.Halt = s.machine.Boot, s.machine.Halt
	}
	s.EC2, s.GCE, s.Azure = ec2.New(build), gce.New(build), azure.New(build)
	for _, id := range append([]string{"/subscriptions/" + subscriptionID + "/resourceGroups/" + groupName}, o.Existing...) {
		if err := s.Azure.Existing(id); err != nil {
			return err
		}
	}
	s.proxy, err = proxy.Start(ctx, o.Log,
		proxy.Route{Host: ".amazonaws.com", Handler: s.EC2},
		proxy.Route{Host: gce.ComputeHost, Handler: s.GCE}, proxy.Route{Host: gce.TokenHost, Handler: s.GCE},
		proxy.Route{Host: gce.OldHost, Handler: s.GCE},
		proxy.Route{Host: azure.Host, Handler: s.Azure}, proxy.Route{Host: azure.LoginHost, Handler: s.Azure})
	if err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	return s.credentials()
}

// files are what a rehearsed build fetches from the machine: the inventory that the scripts of
// worker-images take, of nothing.
func files() map[string]string {
	return map[string]string{"/var/tmp/workerkit/inventory.txt": `[system]
name	rehearsed
kernel	none
taken	1970-01-01T00:00:00Z
[packages]
[services]
[files]
[folders]
[versions]
[tests]
[end]
`}
}

// serve serves everything without TLS, for what can be given an endpoint.
func (s *Stand) serve(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	const patience = 30 * time.Second
	s.url = "http://" + l.Addr().String()
	s.server = &http.Server{Handler: http.HandlerFunc(s.route), ReadHeaderTimeout: patience}
	go func() { s.served <- s.server.Serve(l) }() // Close waits for it
	return nil
}

// Close ends everything, and waits for it. The files stay.
func (s *Stand) Close() error {
	var errs []error
	if s.server != nil {
		errs = append(errs, s.server.Close())
		if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	if s.proxy != nil {
		errs = append(errs, s.proxy.Close())
	}
	if s.machine != nil {
		errs = append(errs, s.machine.Close())
	}
	return errors.Join(errs...)
}
