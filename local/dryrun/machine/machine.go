// Package machine is the machine that packer provisions in a dry run: a real sshd on loopback,
// which lets in whoever has the key that the emulated cloud knows, and whose commands stay in
// one folder. It needs OpenSSH's sshd on this computer, and logs in the current user only,
// because sshd knows no others.
package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/internal/private"
)

// ErrNoSSHD is the error of Start where there is no sshd.
var ErrNoSSHD = errors.New("there is no sshd on this computer: install openssh-server")

// Options say where the machine is and what it does. Dir is required.
type Options struct {
	// Dir is the machine's folder, which must exist. Each instance has a folder in it: commands
	// start there, and it is their HOME and TMPDIR.
	Dir string
	// Run makes commands really run, as the current user. When false they are rehearsed: files
	// that are uploaded stay below Dir, scripts are checked for their syntax, and nothing runs.
	Run bool
	// Files are there on each instance that is only rehearsed: what scripts that do not run would
	// have made, by its path, with slashes.
	Files map[string]string
	Log   *slog.Logger // what sshd says; discards when nil
}

// Machine is a running sshd. It is safe for concurrent use.
type Machine struct {
	options  Options
	sshd     string
	config   string
	user     string
	listener net.Listener
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu   sync.Mutex
	keys map[string]entry // of each instance that is on
	last int              // instance that was turned on
}

// entry is who may log in to an instance, and where they get.
type entry struct {
	dir  string
	keys []string
}

// Start starts the machine. It ends with ctx, or by Close.
func Start(ctx context.Context, o Options) (*Machine, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Machine{options: o, keys: map[string]entry{}}
	if err := m.prepare(ctx); err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	var err error
	if m.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	ctx, m.cancel = context.WithCancel(ctx)
	m.wg.Go(func() { m.accept(ctx) })
	m.wg.Go(func() {
		<-ctx.Done()
		_ = m.listener.Close() // which ends accept
	})
	return m, nil
}

// Port is where SSH answers, on 127.0.0.1.
func (m *Machine) Port() int { return m.listener.Addr().(*net.TCPAddr).Port }

// User is who may log in.
func (m *Machine) User() string { return m.user }

// Close ends the machine and every session.
func (m *Machine) Close() error {
	m.cancel()
	m.wg.Wait()
	return nil
}

// Boot lets in whoever has one of the keys, until Halt of the same instance.
func (m *Machine) Boot(instance string, authorized []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	dir := filepath.Join(m.options.Dir, strconv.Itoa(m.last)) // ids of instances may be no names of files
	if err := m.furnish(dir); err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	m.keys[instance] = entry{dir, authorized}
	return m.write()
}

// furnish makes the folder of an instance.
func (m *Machine) furnish(dir string) error {
	const owner = 0o700
	if err := os.Mkdir(dir, owner); err != nil {
		return err
	}
	if m.options.Run {
		return nil
	}
	for name, text := range m.options.Files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), owner); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Halt forgets the keys of an instance. Sessions that are open stay so.
func (m *Machine) Halt(instance string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.keys, instance)
	if err := m.write(); err != nil {
		m.options.Log.Error("the keys of a halted machine stay", slog.String("instance", instance), slog.Any("error", err))
	}
}

// write writes the keys of all instances that are on.
func (m *Machine) write() error {
	var lines []string
	for _, instance := range slices.Sorted(maps.Keys(m.keys)) {
		of := m.keys[instance]
		command := quote(m.path("shell")) + " " + quote(of.dir)
		for _, key := range of.keys {
			lines = append(lines, `command="`+strings.ReplaceAll(command, `"`, `\"`)+`" `+strings.TrimSpace(key)+"\n")
		}
	}
	if err := private.Write(m.path("authorized_keys"), []byte(strings.Join(lines, ""))); err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	return nil
}

// path is a file of sshd's, which commands have no business with.
func (m *Machine) path(name string) string { return filepath.Join(m.options.Dir, ".sshd", name) }

// prepare makes what sshd needs: a host key, its configuration and what runs the commands.
func (m *Machine) prepare(ctx context.Context) error {
	var err error
	if m.sshd, err = find(); err != nil {
		return err
	}
	who, err := user.Current()
	if err != nil {
		return err
	}
	m.user = who.Username
	const owner = 0o700
	if err := os.MkdirAll(m.path(""), owner); err != nil {
		return err
	}
	if err := separation(); err != nil {
		return err
	}
	shell := rehearseShell
	if m.options.Run {
		shell = runShell
	}
	if err := os.WriteFile(m.path("shell"), []byte(shell), owner); err != nil { //nolint:gosec // it is a program
		return err
	}
	keygen := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", m.path("host_key"))
	if out, err := keygen.CombinedOutput(); err != nil {
		return fmt.Errorf("make a host key: %w: %s", err, out)
	}
	m.config = m.path("config")
	return errors.Join(m.write(), os.WriteFile(m.config, []byte(m.configuration()), 0o600))
}

// configuration is sshd's. The old packer signs with RSA and SHA-1, which newer sshds refuse
// unless they are told. Without another HOME the user's shell would begin each command with the
// user's own files.
func (m *Machine) configuration() string {
	quoted := func(name string) string { return `"` + name + `"` }
	return strings.Join([]string{
		"HostKey " + quoted(m.path("host_key")),
		"AuthorizedKeysFile " + quoted(m.path("authorized_keys")),
		"PidFile none", "StrictModes no", "UsePAM no", "PrintMotd no", "PrintLastLog no",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
		"PubkeyAcceptedAlgorithms +ssh-rsa", "AllowTcpForwarding no", "MaxStartups 100", "MaxAuthTries 20",
		"UseDNS no", "SetEnv " + quoted("HOME="+m.options.Dir),
		"Subsystem sftp internal-sftp", "",
	}, "\n")
}

// quote quotes a word for sh and for sshd's configuration.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// find finds sshd, which is seldom on the PATH of a user. It must be given by its whole path.
func find() (string, error) {
	if found, err := exec.LookPath("sshd"); err == nil {
		return filepath.Abs(found)
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if found, err := exec.LookPath(filepath.Join(dir, "sshd")); err == nil {
			return found, nil
		}
	}
	return "", ErrNoSSHD
}

// separation makes the empty folder that sshd of Debian wants when root runs it, as its service
// does at each start.
func separation() error {
	const dir, mode = "/run/sshd", 0o755
	if os.Geteuid() != 0 {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(dir)); err != nil {
		return nil //nolint:nilerr // a system without /run has its folder elsewhere
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
