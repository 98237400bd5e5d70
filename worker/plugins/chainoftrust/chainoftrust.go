// Package chainoftrust has a run certified: what was run, where, and what its artifacts hash to,
// signed with a key of the worker's that no task can read. Package cot is the format.
//
// The certificate vouches for the artifacts that were uploaded when Stopped is called, so the
// plugins that upload come after this one in the list. It is made for failed commands too, but not
// where none were started.
package chainoftrust

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/cot"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// Config is what the feature needs.
type Config struct {
	Disabled              bool // by enableChainOfTrust: false
	Key                   ed25519.PrivateKey
	KeyFile               string // where the key is; absolute
	Uploader              *artifact.Uploader
	WorkerGroup, WorkerID string
	Environment           cot.Environment
}

// Plugin is the feature.
type Plugin struct{ config Config }

// New makes the feature.
func New(c Config) *Plugin { return &Plugin{c} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "chainoftrust" }

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Features: map[string]payload.Feature{
		"chainOfTrust": {Description: "Sign what was run and what the artifacts hash to with the worker's key: public/chain-of-trust.json and its signature."},
	}}
}

// New implements plugins.Plugin.
func (p *Plugin) New(run *task.Run) (plugins.Hooks, error) {
	if !run.Certified() {
		return nil, nil
	}
	if p.config.Disabled {
		return nil, task.Malformed("features.chainOfTrust: the chain of trust is disabled on workers of the pool %s; leave it out of the payload, or have the task run by another pool", run.Definition.TaskQueueID)
	}
	return &hooks{config: p.config, run: run, environment: p.config.Environment}, nil
}

// hooks is one run's certificate.
type hooks struct {
	config      Config
	run         *task.Run
	environment cot.Environment
}

// Build implements plugins.Builder. What the task's user can read, the task could sign with.
func (h *hooks) Build(ctx context.Context, b engines.Builder) error {
	prober, ok := b.(engines.Prober)
	if !ok {
		return fmt.Errorf("features.chainOfTrust: %w", engines.ErrNotSupported)
	}
	readable, err := prober.CanRead(ctx, h.config.KeyFile)
	if err != nil {
		return fmt.Errorf("chainoftrust: find out whether the task can read the signing key: %w", err)
	}
	if readable {
		return task.Malformed("features.chainOfTrust: the task could read the worker's signing key, so that its signature would prove nothing: " +
			"a task with chain of trust may not use runTaskAsCurrentUser, runAsAdministrator or osGroups that can read the key")
	}
	if imager, ok := b.(engines.Imager); ok {
		h.environment.ImageHash, h.environment.ImageArtifactHash = imager.Image()
	}
	return nil
}

// Stopped implements plugins.Stopper.
func (h *hooks) Stopped(ctx context.Context, result engines.Result) error {
	if result == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	additional, err := additional(ctx, result)
	if err != nil {
		return err
	}
	log, err := h.certifyLog(ctx)
	if err != nil {
		return err
	}
	document, err := h.certificate(log).Document(additional)
	if errors.Is(err, cot.ErrObject) {
		return task.Failure("%s: %w", additionalFile, err)
	}
	if err != nil {
		return err //nolint:wrapcheck // says what failed
	}
	if _, err := h.upload(ctx, cot.CertificateName, plainText, memory(document)); err != nil {
		return err
	}
	_, err = h.upload(ctx, cot.SignatureName, "application/octet-stream", memory(cot.Sign(h.config.Key, document)))
	return err
}

// certificate is what there is to sign; log is the hash of the certified log.
func (h *hooks) certificate(log string) cot.Certificate {
	artifacts := map[string]cot.Artifact{}
	for name, sha256 := range h.run.Uploads.SHA256() {
		artifacts[name] = cot.Artifact{SHA256: sha256}
	}
	delete(artifacts, cot.CertificateName)
	delete(artifacts, cot.SignatureName)
	artifacts[cot.LogName] = cot.Artifact{SHA256: log}
	return cot.Certificate{
		Artifacts: artifacts, Task: h.run.Raw, TaskID: h.run.TaskID, RunID: h.run.RunID,
		WorkerGroup: h.config.WorkerGroup, WorkerID: h.config.WorkerID, Environment: h.environment,
	}
}

var (
	_ plugins.Builder = (*hooks)(nil)
	_ plugins.Stopper = (*hooks)(nil)
)
