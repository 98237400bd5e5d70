package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/files"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/register"
	"github.com/workerkit/workerkit/runner/state"
)

// machine is a machine that has credentials and the worker's config.
type machine struct {
	session *register.Session
	layers  []config.Layer // of the pool, then of the secrets
	secrets int            // how many of the layers, counted from the end, are of secrets
	whole   map[string]any // in place of layers: a config that a public program saved
	due     bool           // secrets have not been fetched yet, nor files written

	// rebootsItself says that the worker boots the machine again itself when it must be.
	rebootsItself bool
}

// bringUp gets credentials and config: afresh, or from the state that was saved before a
// restart. An ephemeral machine cannot register twice and always goes on with its state. Any
// other one registers at each start, and uses its state only while nobody answers.
func (r *runner) bringUp(ctx context.Context, p providers.Provider) (*machine, error) {
	saved := r.saved()
	o := register.Options{Client: r.client, Identity: r.identity, Log: r.log, Repeatable: !r.config.Place.Kind.Ephemeral}
	if boot, err := r.deps.BootTime(); err == nil {
		o.BootTime = boot
	} else {
		r.log.Warn("registering without the boot time", "error", err)
	}
	usable := saved != nil && saved.Usable(time.Now())
	if saved != nil && r.config.Place.Kind.Ephemeral {
		m := r.resumed(o, p, saved)
		if usable {
			return m, r.catchUp(ctx, m, saved)
		}
		if err := r.revive(ctx, m); err != nil {
			return m, err
		}
		return m, errors.Join(r.catchUp(ctx, m, saved), r.save(m))
	}
	if usable {
		o.Client = r.client.WithPolicy(r.patience(r.deps.Fallback))
	}
	m, err := r.fresh(ctx, o, p)
	if err != nil && usable && tc.Temporary(err) && ctx.Err() == nil {
		r.log.Warn("Taskcluster does not answer; going on with the state of the last start", "error", err)
		o.Client = r.client
		m = r.resumed(o, p, saved)
		return m, r.catchUp(ctx, m, saved)
	}
	if m != nil {
		m.session.Use(r.client) // from here on there is nothing else to go on with
	}
	return m, err
}

// revive renews credentials that have expired. Worker-manager does not let such a machine
// register again, but it may still take the secret.
func (r *runner) revive(ctx context.Context, m *machine) error {
	r.log.Warn("the saved credentials have expired; trying to renew them", "expires", m.session.Registration().Expires)
	err := errors.New("there is no secret to renew them with")
	if !m.session.Registration().Secret.Empty() {
		err = m.session.Renew(ctx)
	}
	if err != nil {
		return fmt.Errorf("the credentials saved in %s have expired, and this machine cannot register again: %w", r.config.StateFile, err)
	}
	return nil
}

// saved loads the state file; nil when there is none that can be used.
func (r *runner) saved() *state.State {
	if r.config.StateFile == "" {
		return nil
	}
	s, note, err := state.Load(r.config.StateFile, r.config.Place.Kind.Name, r.identity)
	if note != "" {
		r.log.Warn("the state file was not private", "note", note)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		r.log.Warn("the saved state is ignored", "error", err)
		return nil
	}
	return &s
}

// resumed is a machine with the credentials and layers of an earlier start.
func (r *runner) resumed(o register.Options, p providers.Provider, s *state.State) *machine {
	m := &machine{session: register.Resume(o, p, tc.Registration{Credentials: s.Credentials, Expires: s.Expires, Secret: s.Secret})}
	for _, layer := range s.Layers {
		m.layers = append(m.layers, config.Layer{Config: layer})
	}
	m.secrets = len(m.layers) // which of them were secrets was not saved
	if s.ProviderType == "" {
		m.whole = s.WorkerConfig
	}
	r.log.Info("going on with credentials from before a restart", "expires", s.Expires, "rebooted", s.Rebooted(r.bootID()))
	return m
}

// bootID names this boot of the machine; "" when that is not known.
func (r *runner) bootID() string {
	if r.deps.BootID == nil {
		return ""
	}
	id, err := r.deps.BootID()
	if err != nil {
		r.log.Warn("the state does not say which boot it is of", "error", err)
		return ""
	}
	return id
}

// catchUp does what the start that saved the state did not get to.
func (r *runner) catchUp(ctx context.Context, m *machine, s *state.State) error {
	if !s.Due {
		return nil
	}
	m.due = true
	m.secrets = 0 // that start got no further than its registration
	if len(m.layers) > 0 {
		m.layers[0].Files = s.Files
	}
	return r.complete(ctx, m)
}

// fresh registers and completes the machine. What came with a registration that cannot be
// repeated is saved at once, so that it outlives whatever happens on the way.
func (r *runner) fresh(ctx context.Context, o register.Options, p providers.Provider) (*machine, error) {
	m := &machine{}
	var pool json.RawMessage
	err := r.board.timed("register", func() (err error) {
		m.session, pool, err = register.New(ctx, o, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.poolLayer(m, pool); err != nil {
		return m, err
	}
	if r.config.Place.Kind.Ephemeral {
		m.due = true
		if err := r.save(m); err != nil {
			return m, err
		}
	}
	return m, r.complete(ctx, m)
}

// complete fetches secrets, writes what came with them and with the registration, and saves
// the whole.
func (r *runner) complete(ctx context.Context, m *machine) error {
	r.board.enter(control.Preparing)
	if r.config.GetSecrets {
		if err := r.board.timed("secrets", func() error { return r.secretLayers(ctx, m) }); err != nil {
			return err
		}
	}
	if err := r.board.timed("files", m.writeFiles); err != nil {
		return err
	}
	m.due = false
	return r.save(m)
}

func (m *machine) writeFiles() error {
	for i, layer := range m.layers {
		mode := files.Public
		if i >= len(m.layers)-m.secrets {
			mode = files.Owner
		}
		if err := files.Write(layer.Files, mode); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) poolLayer(m *machine, raw json.RawMessage) error {
	if raw == nil {
		return nil // not registered
	}
	layer, warning, err := config.PoolLayer(raw)
	if err != nil {
		return err
	}
	if warning != "" {
		r.log.Warn("the worker pool's config has a mistake", "warning", warning)
	}
	m.layers = append(m.layers, layer)
	return nil
}

func (r *runner) secretLayers(ctx context.Context, m *machine) error {
	secrets, err := m.session.Secrets(ctx)
	if err != nil {
		return err
	}
	if len(secrets) == 0 {
		say(ctx, r.log, slog.LevelWarn, "No worker secrets for worker pool "+r.identity.WorkerPoolID+".")
	}
	for _, s := range secrets {
		layer, warning, err := config.SecretLayer(s.Value)
		if err != nil {
			return fmt.Errorf("secret %s: %w", s.Name, err)
		}
		if warning != "" {
			r.log.Warn("a secret has a mistake", "secret", s.Name, "warning", warning)
		}
		m.layers = append(m.layers, layer)
	}
	m.secrets = len(secrets)
	return nil
}

// merged is the worker's config without what the runner itself adds.
func (m *machine) merged(own map[string]any) map[string]any {
	if m.whole != nil {
		return config.Merge(m.whole, config.OnlyWorkerkit(own)) // own is in it, but for our object
	}
	all := []map[string]any{own}
	for _, l := range m.layers {
		all = append(all, l.Config)
	}
	return config.Merge(all...)
}

// rendered is the whole config for the worker, with the newest credentials.
func (r *runner) rendered(m *machine) (map[string]any, error) {
	return launch.Render(m.merged(r.config.WorkerConfig), r.identity, m.session.Credentials())
}

// save writes the state file, if there should be one.
func (r *runner) save(m *machine) error {
	if r.config.StateFile == "" {
		return nil
	}
	rendered, err := r.rendered(m)
	if err != nil {
		return err
	}
	now := m.session.Registration()
	s := state.State{
		ProviderType: r.config.Place.Kind.Name, Identity: r.identity,
		Credentials: now.Credentials, Expires: now.Expires, Secret: now.Secret,
		// A public program that reads this hands the config to a public worker.
		WorkerConfig: config.WithoutWorkerkit(rendered),
		Due:          m.due,
		BootID:       r.bootID(),
	}
	if m.whole != nil {
		s.ProviderType = "" // still the public form
	}
	for _, l := range m.layers {
		s.Layers = append(s.Layers, l.Config)
		if m.due {
			s.Files = append(s.Files, l.Files...)
		}
	}
	return state.Save(r.config.StateFile, s)
}
