package dockertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/docker"
)

// patience is how long an engine may take to start or to end, on a machine that is busy with other tests too.
const patience = 2 * time.Minute

// Daemon is the process of an engine. Its methods are called one after another.
type Daemon struct {
	kind   kind
	dir    string
	socket string
	held   *os.File // the socket, where another process listens for the engine, as systemd does; else nil
	log    bytes.Buffer
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended
}

// Start starts the engine with a label in an empty folder, and returns when it answers. Close must be
// called. It is for whoever is in namespaces of its own.
func Start(ctx context.Context, label, dir string) (*Daemon, *docker.Engine, error) {
	for _, k := range kinds() {
		if k.label != label {
			continue
		}
		if why := k.missing(); why != "" {
			return nil, nil, errors.New(why)
		}
		return k.launch(ctx, dir)
	}
	return nil, nil, fmt.Errorf("there is no engine %q", label)
}

func (k kind) launch(ctx context.Context, dir string) (*Daemon, *docker.Engine, error) {
	d := &Daemon{kind: k, dir: dir, socket: filepath.Join(dir, "sock")}
	err := k.prepare(dir)
	if err == nil && k.held {
		err = d.hold(ctx)
	}
	if err == nil {
		err = d.run()
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.release())
	}
	e, err := d.answers(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return d, e, nil
}

// hold listens for the engine, which gets the socket each time it starts.
func (d *Daemon) hold(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", d.socket)
	if err != nil {
		return err
	}
	local := listener.(*net.UnixListener) //nolint:forcetypeassert // of a unix socket
	local.SetUnlinkOnClose(false)
	d.held, err = local.File()
	return errors.Join(err, local.Close())
}

// release has nobody listen any more.
func (d *Daemon) release() (err error) {
	if d.held != nil {
		err = d.held.Close()
		d.held = nil
	}
	return err
}

// run starts the process.
func (d *Daemon) run() error {
	cmd := d.kind.command(d.dir, d.socket)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, &d.log, &d.log // Podman leaves files in its working directory
	cmd.WaitDelay = time.Second                             // for what it has started and has its output open
	if d.held != nil {
		cmd.ExtraFiles = []*os.File{d.held}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(ended)
	}()
	d.cmd, d.ended = cmd, ended
	return nil
}

// answers waits until the engine does.
func (d *Daemon) answers(ctx context.Context) (*docker.Engine, error) {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	for {
		e, err := docker.Open(ctx, "unix://"+d.socket)
		if err == nil {
			return e, nil
		}
		select {
		case <-d.ended:
			return nil, fmt.Errorf("%s ended:\n%s", d.kind.label, &d.log)
		case <-ctx.Done():
			d.Kill()
			return nil, fmt.Errorf("%s does not answer: %w\n%s", d.kind.label, err, &d.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the engine at once, as a fault would. Containers may live on.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill() // may have ended
	<-d.ended
	_ = d.release() // it was only listened at
}

// Restart has the engine end in its own way and starts it again, as systemctl restart does: those who
// connect meanwhile wait where the socket is held.
func (d *Daemon) Restart(ctx context.Context) error {
	d.quit(os.Interrupt)
	if err := d.run(); err != nil {
		return err
	}
	e, err := d.answers(ctx)
	if err != nil {
		return err
	}
	return e.Close()
}

func (d *Daemon) quit(s os.Signal) {
	_ = d.cmd.Process.Signal(s) // may have ended
	select {
	case <-d.ended:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill() // see above
		<-d.ended
	}
}

// Close ends the engine and removes its folder. What an orphan still writes there goes with the
// namespaces.
func (d *Daemon) Close() error {
	d.quit(os.Interrupt)
	err := d.release()
	unmount(d.dir)
	_ = os.RemoveAll(d.dir) // see above
	return err
}

// Log is what the engine has said. It is for an engine that has ended.
func (d *Daemon) Log() string { return d.log.String() }

// kind is a kind of engine: what is started, and what has to be installed.
type kind struct {
	label    string
	programs []string
	packages string
	held     bool // it takes a socket that another process listens at
	prepare  func(dir string) error
	command  func(dir, socket string) *exec.Cmd
}

// missing says what is not there, "" for nothing.
func (k kind) missing() string {
	for _, p := range k.programs {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Sprintf("there is no %s: install %s", p, k.packages)
		}
	}
	if k.label == containerd && !modern() {
		return "this Docker does not keep images as containerd does: version 27 and later do"
	}
	return ""
}

// modern tells whether Docker is of version 27 or later.
func modern() bool {
	const first = 27
	out, err := exec.Command("dockerd", "--version").Output()
	_, version, _ := strings.Cut(string(out), "version ")
	major, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(major) // else too old
	return err == nil && n >= first
}

// prepareDockerd makes the configuration that is in place of the machine's.
func prepareDockerd(dir string) error {
	return write(filepath.Join(dir, "daemon.json"), `{"features":{"containerd-snapshotter":false}}`)
}

// prepareContainerd is for images in containerd's store, as is usual since version 29.
func prepareContainerd(dir string) error {
	return write(filepath.Join(dir, "daemon.json"), `{"features":{"containerd-snapshotter":true}}`)
}

// dockerd gets its socket as from systemd, which is how most machines run it.
func dockerd(dir, _ string) *exec.Cmd {
	return exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec dockerd "$@"`, "sh", "--host", "fd://", "--config-file", filepath.Join(dir, "daemon.json"),
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"))
}

// preparePodman has it use runc, and limits of processes that this user may set.
func preparePodman(dir string) error {
	conf := `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
dns_servers = ["127.0.0.1"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`
	storage := "[storage]\ndriver = \"overlay\"\ngraphroot = \"" + dir + "/root\"\nrunroot = \"" + dir + "/run\"\n"
	return errors.Join(write(filepath.Join(dir, "containers.conf"), conf), write(filepath.Join(dir, "storage.conf"), storage))
}

func podman(dir, socket string) *exec.Cmd {
	cmd := exec.Command("podman", "system", "service", "--time", "0", "unix://"+socket)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(dir, "containers.conf"), "CONTAINERS_STORAGE_CONF="+filepath.Join(dir, "storage.conf"))
	return cmd
}

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
