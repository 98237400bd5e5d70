package runner

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/report"
)

// reportWithin is how long worker-manager may take to hear of a failure.
const reportWithin = 20 * time.Second

// report tells worker-manager of a failure of our own, once in the life of a machine: what
// follows from the first failure is no news.
func (r *runner) report(ctx context.Context, m *machine, kind, title string, cause error) {
	if r.reported.Swap(true) {
		return
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), reportWithin)
	defer done()
	f := report.Failure{Kind: kind, Title: title, Err: cause, Phases: r.board.status().Phases, Secrets: r.secrets(m)}
	if r.deps.LastLines != nil {
		f.Lines = r.deps.LastLines()
	}
	if err := m.session.Report(ctx, report.Build(f)); err != nil {
		r.log.Warn("the failure was not reported to worker-manager", "error", err)
	}
}

// secrets are what a report must not show, wherever it has come from: a worker may log its
// config.
func (r *runner) secrets(m *machine) []secret.String {
	now := m.session.Registration()
	found := []secret.String{now.Secret, now.Credentials.AccessToken, now.Credentials.Certificate}
	for _, f := range r.config.Place.Kind.Fields {
		if f.Secret && f.Type == providers.Text {
			found = append(found, secret.New(r.config.Place.Values.Text(f.Name)))
		}
	}
	for _, l := range m.layers[len(m.layers)-m.secrets:] {
		found = texts(found, l)
	}
	if m.whole != nil {
		found = texts(found, config.Layer{Config: m.whole})
	}
	return found
}

// shortest is the length from which on a text of a secret layer is hidden: "true" and "linux"
// are in every log.
const shortest = 8

// texts adds all texts of a layer.
func texts(found []secret.String, l config.Layer) []secret.String {
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if len(v) >= shortest {
				found = append(found, secret.New(v))
			}
		case map[string]any:
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(l.Config)
	return found
}
