package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
)

// config has a finding for each problem and each warning.
func (e *examination) config() []Finding {
	const check = "config"
	path := e.patient.ConfigPath
	if path == "" {
		return []Finding{{Check: check, Result: OK, Detail: "none is given; only the machine is looked at"}}
	}
	var found []Finding
	for _, p := range e.patient.Problems {
		found = append(found, Finding{Check: check, Result: Fail, Detail: p.Error()})
	}
	if len(found) > 0 {
		found[len(found)-1].Next = "correct the config, then run start-worker doctor " + path + " again"
	}
	for _, w := range e.patient.Warnings {
		found = append(found, Finding{Check: check, Result: Warn, Detail: w})
	}
	if len(found) == 0 {
		return []Finding{{Check: check, Result: OK, Detail: path + " can be read"}}
	}
	return found
}

// place says where the machine runs. What a config has wrong there is among its own findings.
func (e *examination) place() []Finding {
	const check = "place"
	var found []Finding
	if e.patient.ConfigPath == "" {
		for _, p := range e.patient.Problems {
			f := Finding{Check: check, Result: Fail, Detail: p.Error()}
			if of, ok := errors.AsType[*config.Problem](p); ok && of.File == "" {
				f.Next = "on a machine of your own, name the place with provider.providerType in a config, and run start-worker doctor CONFIG"
			}
			found = append(found, f)
		}
	}
	switch {
	case e.kind().Name != "":
		found = append(found, Finding{Check: check, Result: OK, Detail: e.kind().Name + ": " + e.patient.Config.Place.Why})
	case len(found) == 0:
		found = skipped("the config does not say where this machine runs", check)
	}
	return found
}

// identity asks who the machine is and has it proved, as a start would, but sends nothing to
// worker-manager.
func (e *examination) identity(ctx context.Context) (providers.Identity, []Finding) {
	kind := e.kind()
	switch {
	case kind.New == nil:
		return providers.Identity{}, skipped("it is not known where this machine runs", "identity")
	case len(e.patient.Problems) > 0 && !kind.Ephemeral: // what is wrong may be one of its keys
		return providers.Identity{}, skipped("the config, which says it, must be corrected first", "identity")
	}
	ctx, done := context.WithTimeout(ctx, within)
	defer done()
	p := kind.New(e.patient.Config.Place.Values, providers.Deps{Log: e.deps.Log, Metadata: e.deps.Metadata})
	id, err := p.Identify(ctx)
	if err != nil {
		f := Finding{Check: "metadata", Result: Fail, Detail: err.Error(), Next: "the metadata service must answer on this machine, and worker-manager must have made it"}
		if errors.Is(err, providers.ErrLeaving) {
			f.Next = "nothing: the next machine takes its place"
		}
		return id, append([]Finding{f}, skipped("the metadata service does not say it", "identity")...)
	}
	found := []Finding{{Check: "identity", Result: OK, Detail: fmt.Sprintf("%s/%s of %s at %s", id.WorkerGroup, id.WorkerID, id.WorkerPoolID, withoutUser(id.RootURL))}}
	if !kind.Ephemeral {
		return id, found
	}
	proof := Finding{Check: "metadata", Result: OK, Detail: "the metadata service answers within its hop limit, and gives a proof of the identity"}
	if _, err := p.Proof(ctx); err != nil {
		proof.Result, proof.Detail, proof.Next = Fail, err.Error(), "without a proof worker-manager registers nobody: nothing may stand between this machine and its metadata service, and on GCE the launch config must give it a service account"
	}
	return id, append(found, proof)
}
