package runner

import (
	"encoding/json"
	"fmt"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/launch"
)

// show prints what a worker would get, with everything that is secret hidden: the credentials,
// and all values that come from secrets or from a saved config.
func (r *runner) show(m *machine) error {
	hidden := &machine{whole: m.whole}
	for i, l := range m.layers {
		if i >= len(m.layers)-m.secrets {
			l = l.Redacted()
		}
		hidden.layers = append(hidden.layers, l)
	}
	if m.whole != nil {
		hidden.whole = config.Layer{Config: m.whole}.Redacted().Config
	}
	c := m.session.Credentials()
	c = tc.Credentials{ClientID: c.ClientID, AccessToken: secret.New(c.AccessToken.String()), Certificate: secret.New(c.Certificate.String())}
	rendered, err := launch.Render(hidden.merged(r.config.WorkerConfig), r.identity, c)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(rendered, "", "  ") // JSON is YAML
	if err != nil {
		return fmt.Errorf("encode worker config: %w", err)
	}
	if _, err := fmt.Fprintf(r.deps.Stdout, "%s\n", text); err != nil {
		return fmt.Errorf("print worker config: %w", err)
	}
	return nil
}
