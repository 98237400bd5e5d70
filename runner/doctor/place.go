package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/providers"
)

func (e *examination) config() Finding {
	f := Finding{Check: "config", Result: OK, Detail: e.patient.ConfigPath + " is fine"}
	switch {
	case e.patient.ConfigPath == "":
		f.Detail = "none is given; only the machine is looked at"
	case e.patient.Problem != nil:
		f.Result, f.Detail = Fail, strings.ReplaceAll(e.patient.Problem.Error(), "\n", "; ")
		f.Next = "correct it; start-worker check " + e.patient.ConfigPath + " says what is left"
	case len(e.patient.Warnings) > 0:
		f.Result, f.Detail = Warn, strings.Join(e.patient.Warnings, "; ")
		f.Next = "see whether that is what was meant"
	}
	return f
}

func (e *examination) place() Finding {
	if e.kind().Name == "" {
		f := Finding{Check: "place", Result: Fail, Detail: "it is not known where this machine runs", Next: "name it with provider.providerType"}
		if e.patient.ConfigPath == "" && e.patient.Problem != nil {
			f.Detail = e.patient.Problem.Error()
		}
		return f
	}
	return Finding{Check: "place", Result: OK, Detail: e.kind().Name + ": " + e.patient.Config.Place.Why}
}

// identity asks who the machine is and has it proved, as a start would, but sends nothing to
// worker-manager.
func (e *examination) identity(ctx context.Context) (providers.Identity, []Finding) {
	kind := e.kind()
	if kind.New == nil || (e.patient.Problem != nil && !kind.Ephemeral) {
		return providers.Identity{}, nil // what is wrong with its keys is said already
	}
	ctx, done := context.WithTimeout(ctx, within)
	defer done()
	p := kind.New(e.patient.Config.Place.Values, providers.Deps{Log: e.deps.Log, Metadata: e.deps.Metadata})
	id, err := p.Identify(ctx)
	if err != nil {
		f := Finding{Check: "metadata", Result: Fail, Detail: err.Error(), Next: "see what the text says; the metadata service must answer on this machine, and worker-manager must have made it"}
		if errors.Is(err, providers.ErrLeaving) {
			f.Next = "nothing: the next machine takes its place"
		}
		return id, []Finding{f}
	}
	found := []Finding{{Check: "identity", Result: OK, Detail: fmt.Sprintf("%s/%s of %s at %s", id.WorkerGroup, id.WorkerID, id.WorkerPoolID, withoutUser(id.RootURL))}}
	if !kind.Ephemeral {
		return id, found
	}
	proof := Finding{Check: "metadata", Result: OK, Detail: "the metadata service answers within its hop limit, and gives a proof of the identity"}
	if _, err := p.Proof(ctx); err != nil {
		proof.Result, proof.Detail, proof.Next = Fail, err.Error(), "without a proof worker-manager registers nobody: see what the text says"
	}
	return id, append(found, proof)
}
