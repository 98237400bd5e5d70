package machine

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
)

// accept gives each connection an sshd of its own, until the listener is closed.
func (m *Machine) accept(ctx context.Context) {
	for {
		connection, err := m.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				m.options.Log.Error("the machine's SSH ended", slog.Any("error", err))
			}
			return
		}
		m.wg.Go(func() {
			if err := m.session(ctx, connection.(*net.TCPConn)); err != nil && ctx.Err() == nil {
				m.options.Log.Debug("the machine's session", slog.Any("error", err))
			}
		})
	}
}

// session runs one sshd, as inetd would: the connection is its standard input and output.
func (m *Machine) session(ctx context.Context, connection *net.TCPConn) error {
	socket, err := connection.File()
	_ = connection.Close() // socket is a connection of its own
	if err != nil {
		return err
	}
	said, says, err := os.Pipe()
	if err != nil {
		_ = socket.Close()
		return err
	}
	sshd := exec.CommandContext(ctx, m.sshd, "-i", "-e", "-f", m.config)
	sshd.Stdin, sshd.Stdout, sshd.Stderr = socket, socket, says
	inGroup(sshd)
	err = sshd.Start()
	_ = socket.Close()
	_ = says.Close()
	m.wg.Go(func() { m.listen(said) })
	if err != nil {
		return err
	}
	return sshd.Wait()
}

// listen logs what sshd says.
func (m *Machine) listen(r io.ReadCloser) {
	defer func() { _ = r.Close() }()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		m.options.Log.Debug("sshd", slog.String("says", lines.Text()))
	}
}
