// Package docker finds and opens an engine of containers by the Docker Engine API: Docker itself,
// or Podman's service, which speaks the same.
//
// It asks the engine what it is, once, so that nobody else has to guess. No program is run and no
// text of one is read.
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Engine is an engine of containers that has answered. It is safe for concurrent use.
type Engine struct {
	API  *client.Client
	Host string // its address, such as unix:///var/run/docker.sock

	Version string // its own, such as "20.10.24"
	// Podman tells that it is Podman, which differs in details.
	Podman bool
	// Rootless tells that containers run with the rights of an ordinary user.
	Rootless bool
	// CgroupVersion is "1" or "2", that of the control groups which limit containers.
	CgroupVersion string
	// Folder is where it keeps images and containers, on the engine's machine.
	Folder string
	// Storage is the driver that lays images out on disk, such as "overlay2".
	Storage string
	// Layered tells that what a container has written is all in one folder of an overlay, whole: no
	// renamed folder has part of its contents elsewhere.
	Layered bool
	// Containerd tells that Docker keeps images as containerd does, which is usual since version 29: an image's id is its
	// manifest's, and where files are is not told.
	Containerd bool
}

// ErrNoEngine is wrapped by the error of Open when nothing answers.
var ErrNoEngine = errors.New("no engine of containers answers")

var errAddress = errors.New("this is no address of one")

// answer is how long one address may take to answer: Podman asks much of a busy machine first.
const answer = 30 * time.Second

// maxInfo is how many bytes are read of what an engine says of itself.
const maxInfo = 1 << 20

// Open opens the engine at host, such as unix:///run/docker.sock or tcp://127.0.0.1:2375. For ""
// it is that of the variable DOCKER_HOST, or else the first of the usual sockets that answers.
// The error of one that cannot be had wraps ErrNoEngine and lists what was tried.
func Open(ctx context.Context, host string) (*Engine, error) {
	engine, _, err := find(ctx, host)
	return engine, err
}

// find is Open. lasting says of an error that it would be the same later.
func find(ctx context.Context, host string) (found *Engine, lasting bool, err error) {
	hosts := []string{host}
	if host == "" {
		hosts = Hosts(os.Getenv)
	}
	var tried []string
	var failed []error
	for _, h := range hosts {
		engine, err := open(ctx, h)
		if err == nil {
			return engine, false, nil
		}
		if ctx.Err() != nil {
			return nil, false, context.Cause(ctx)
		}
		tried = append(tried, fmt.Sprintf("%s: %s", h, reason(err)))
		failed = append(failed, err)
	}
	err = fmt.Errorf("docker: %w (%s). Start Docker or Podman's service, or say where it is with DOCKER_HOST", ErrNoEngine, strings.Join(tried, "; "))
	return nil, hopeless(failed), err
}

// hopeless tells of the errors of all addresses that to wait is of no use: one is no address, or a socket that
// this user may not open, and at the others there is nothing.
func hopeless(failed []error) bool {
	refused := false
	for _, err := range failed {
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, errAddress):
			refused = true
		case !errors.Is(err, fs.ErrNotExist):
			return false
		}
	}
	return refused
}

// Hosts lists the addresses to try, by the environment.
func Hosts(getenv func(string) string) []string {
	if host := getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	return usual(getenv)
}

// reason says in few words why an address has no engine.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not open it; members of the socket's group may"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there"
	default:
		return err.Error()
	}
}

func open(ctx context.Context, host string) (*Engine, error) {
	if scheme, _, ok := strings.Cut(host, "://"); ok && !slices.Contains([]string{"unix", "tcp", "http", "https", "npipe"}, scheme) {
		return nil, fmt.Errorf("%w: the worker reaches engines by unix:// or tcp://, not by %s://", errAddress, scheme)
	}
	api, err := client.New(client.WithHost(host), client.WithTLSClientConfigFromEnv())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAddress, err)
	}
	ctx, done := context.WithTimeout(ctx, answer)
	defer done()
	engine, err := ask(ctx, api)
	if err != nil {
		_ = api.Close()
		return nil, err
	}
	engine.Host = host
	return engine, nil
}

// ask has an engine say what it is.
func ask(ctx context.Context, api *client.Client) (*Engine, error) {
	if err := reach(ctx, api); err != nil {
		return nil, err
	}
	// The ping picks the version of the API that both sides know.
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, err //nolint:wrapcheck // by Open
	}
	version, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask for its version: %w", err)
	}
	info, err := api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask what it is: %w", err)
	}
	e := &Engine{
		API: api, Version: version.Version, CgroupVersion: info.Info.CgroupVersion,
		Folder: info.Info.DockerRootDir, Storage: info.Info.Driver,
	}
	for _, pair := range info.Info.DriverStatus {
		e.Layered = e.Layered || pair == [2]string{"Native Overlay Diff", "true"}
		e.Containerd = e.Containerd || pair[0] == "driver-type" && strings.HasPrefix(pair[1], "io.containerd.")
	}
	for _, c := range version.Components {
		e.Podman = e.Podman || strings.HasPrefix(c.Name, "Podman")
	}
	for _, option := range info.Info.SecurityOptions {
		e.Rootless = e.Rootless || option == "name=rootless" || strings.HasPrefix(option, "name=rootless,")
	}
	if e.Podman && !e.Rootless {
		if e.Rootless, err = rootless(ctx, api); err != nil {
			return nil, fmt.Errorf("ask whether it is rootless: %w", err)
		}
	}
	return e, nil
}

// rootless asks Podman whether it is, which it says in a field that Docker's API does not have.
func rootless(ctx context.Context, api *client.Client) (bool, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return api.Dialer()(ctx) }
	plain := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://podman/info", nil)
	if err != nil {
		return false, err //nolint:wrapcheck // by ask
	}
	reply, err := plain.RoundTrip(request)
	if err != nil {
		return false, err //nolint:wrapcheck // by ask
	}
	defer reply.Body.Close()
	var info struct{ Rootless bool }
	err = json.NewDecoder(io.LimitReader(reply.Body, maxInfo)).Decode(&info)
	return info.Rootless, err //nolint:wrapcheck // by ask
}

// reach connects once, as the client's own errors hide why it could not.
func reach(ctx context.Context, api *client.Client) error {
	path, local := strings.CutPrefix(api.DaemonHost(), "unix://")
	if !local {
		return nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return err //nolint:wrapcheck // by Open
	}
	return conn.Close() //nolint:wrapcheck // by Open
}

// Name is what the engine is called in messages.
func (e *Engine) Name() string {
	if e.Podman {
		return "Podman " + e.Version
	}
	return "Docker " + e.Version
}

// Close closes idle connections.
func (e *Engine) Close() error {
	return e.API.Close() //nolint:wrapcheck // never fails
}

// Gone tells whether an error of the API means that the engine has ended or is not reached, rather
// than that it refused something.
func Gone(err error) bool {
	return err != nil && (client.IsErrConnectionFailed(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, net.ErrClosed) || errdefs.IsUnavailable(err))
}

// Missing tells whether an error of the API means that there is no such container, image, network,
// or file.
func Missing(err error) bool { return errdefs.IsNotFound(err) }

// Full tells whether an error of the API means that the engine's disk is full. It says so by text alone.
func Full(err error) bool {
	if err == nil || errors.Is(err, syscall.ENOSPC) {
		return err != nil
	}
	text := err.Error()
	return strings.Contains(text, "no space left on device") || strings.Contains(text, "database or disk is full") // the latter Podman's, since it has SQLite
}
