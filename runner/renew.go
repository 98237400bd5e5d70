package runner

// drained is the exit code of a worker that was asked to finish its tasks.
const drained = 72

// replaceable tells whether this program may end so that a newer one takes its place. The next one
// must be able to go on: worker-manager lets an ephemeral machine register only once, so that it
// needs the saved state. Otherwise only the worker is renewed.
func (r *runner) replaceable() bool {
	return r.deps.Supervised && (!r.config.Place.Kind.Ephemeral || r.config.StateFile != "")
}
