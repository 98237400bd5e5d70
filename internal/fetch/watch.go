package fetch

import (
	"context"
	"io"
	"time"
)

// watch ends a request whose server sends nothing for too long. It is the reply's body. Time in
// which nobody reads does not count.
type watch struct {
	ctx   context.Context //nolint:containedctx // of the request
	stop  context.CancelCauseFunc
	timer *time.Timer
	most  time.Duration
	body  io.ReadCloser // nil before there is a reply
}

// watched is a context for a request, and what ends it.
func watched(ctx context.Context, most time.Duration) (context.Context, *watch) {
	ctx, stop := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, stop: stop, most: most}
	w.timer = time.AfterFunc(most, func() { stop(errStalled) })
	return ctx, w
}

// Read implements io.Reader.
func (w *watch) Read(p []byte) (int, error) {
	w.timer.Reset(w.most)
	n, err := w.body.Read(p)
	w.timer.Stop()
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader's end is the very value
		err = w.why(err)
	}
	return n, err
}

// why is err or, when the request was ended, the reason for that.
func (w *watch) why(err error) error { return reason(w.ctx, err) }

// Close ends the request.
func (w *watch) Close() error {
	w.end()
	return w.body.Close()
}

func (w *watch) end() {
	w.timer.Stop()
	w.stop(context.Canceled)
}
