package taskrun

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Kind is one form of payload, with the engine that runs tasks of that form.
type Kind struct {
	Name   string // in the plural, as "docker-worker payloads"
	Engine engines.Engine
	Schema *payload.Schema
	// Accepts tells whether a payload, valid or not, is of this form; nil is all.
	Accepts func(payload json.RawMessage) bool
	// Translate makes the payload for the engine and the plugins of one that is valid by Schema; of
	// one that is not, it may make anything or fail. nil is that there is nothing to translate.
	Translate func(payload json.RawMessage) (json.RawMessage, error)
	// Permit tells whether the run may have what its payload asks for, and grants it; run.Payload is
	// translated. nil is that the plugins do.
	Permit func(ctx context.Context, run *task.Run) error
}

// Native is the form that needs no translation, alone.
func Native(engine engines.Engine, schema *payload.Schema) []Kind {
	return []Kind{{Name: "native payloads", Engine: engine, Schema: schema}}
}

// kindOf is the first form that a payload is of. ok is false when it is of none.
func kindOf(kinds []Kind, payload json.RawMessage) (kind Kind, ok bool) {
	for _, k := range kinds {
		if k.Accepts == nil || k.Accepts(payload) {
			return k, true
		}
	}
	return kinds[0], false
}

// translate is Translate where there is one.
func (k Kind) translate(payload json.RawMessage) (json.RawMessage, error) {
	if k.Translate == nil {
		return payload, nil
	}
	return k.Translate(payload)
}

// validate checks the payload and gives it to the run, translated.
func (r *Runner) validate() error {
	if !r.known {
		names := make([]string, len(r.deps.Kinds))
		for i, k := range r.deps.Kinds {
			names[i] = k.Name
		}
		return task.Malformed("payload: workers of the pool %s run %s only: write it so, or have the task run by another pool", r.definition.TaskQueueID, strings.Join(names, " and "))
	}
	if err := r.check(); err != nil {
		return err
	}
	translated, err := r.kind.translate(r.definition.Payload)
	if err != nil {
		return task.Malformed("payload: %w", err)
	}
	r.run.Payload = translated
	if r.kind.Permit == nil {
		return nil
	}
	return r.guard("the payload", func() error { return r.kind.Permit(r.aborted, r.run) })
}

// check says what is wrong with the payload as it was written.
func (r *Runner) check() error {
	problems, err := r.kind.Schema.Validate(r.definition.Payload)
	if err != nil {
		return task.Internal("%w", err)
	}
	if len(problems) == 0 {
		return nil
	}
	r.run.Log.Error("TASK FAIL since the task payload is invalid. See errors:")
	for _, p := range problems {
		r.run.Log.Error("- %s", p)
	}
	return task.Malformed("validation of payload failed for task %s", r.claim.TaskID)
}
