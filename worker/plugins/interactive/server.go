package interactive

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/workerkit/workerkit/worker/engines"
)

// server answers for one run's shells and the page.
type server struct {
	ctx     context.Context //nolint:containedctx // ends the shells with the run, not with a request
	secret  string
	sheller engines.Sheller
	logger  *slog.Logger
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/shell/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	secret, file, page := strings.Cut(rest, "/")
	switch {
	case subtle.ConstantTimeCompare([]byte(secret), []byte(s.secret)) != 1:
		http.Error(w, "no running task has a shell at this address", http.StatusUnauthorized)
	case page:
		servePage(w, r, file)
	default:
		s.shell(s.ctx, w, r) //nolint:contextcheck // it ends with the run
	}
}

// shell starts a shell for a connection, and returns when both have ended.
func (s *server) shell(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{
		ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10,
		// The secret is what lets somebody in; the page may be another site's, such as the deployment's.
		CheckOrigin: func(*http.Request) bool { return true },
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer conn.Close()
	shell, err := s.sheller.Shell(ctx, nil, true)
	if err != nil {
		s.logger.WarnContext(ctx, "interactive: a shell cannot be started", "error", err)
		bye(conn, websocket.CloseInternalServerErr, "No shell could be started; the worker's log says why", time.Now().Add(goodbye))
		return
	}
	s.logger.InfoContext(ctx, "interactive: a shell has been opened")
	c := &session{conn: conn, shell: shell, logger: s.logger}
	c.run(ctx)
}
