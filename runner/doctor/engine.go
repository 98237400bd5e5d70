package doctor

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/moving"
)

// versionOf is the first line of what a worker's program says of itself.
func versionOf(ctx context.Context, program string) (string, error) {
	const most = 10 * time.Second
	ctx, done := context.WithTimeout(ctx, most)
	defer done()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line, err //nolint:wrapcheck // by who asks
}

// engineOf is the engine of a worker whose --version is said: our own asks its config before its name.
func engineOf(c config.Config, said string) (engine string, configured bool) {
	if of, _ := setting(c.WorkerConfig, "workerkit").(map[string]any); strings.Contains(said, version.Name) {
		if engine, _ := setting(of, "engine").(string); engine != "" {
			return engine, true
		}
	}
	return moving.EngineOf(said), false
}

// setting is a key of the worker's config, whatever its case.
func setting(all map[string]any, key string) any {
	for name, value := range all {
		if strings.EqualFold(name, key) {
			return value
		}
	}
	return nil
}

// described is what a program says of itself, with the engine that it will have.
func described(c config.Config, said string) string {
	built := moving.EngineOf(said)
	if engine, configured := engineOf(c, said); configured && engine != built {
		return strings.Replace(said, "("+built+" engine)", "("+engine+" engine, by workerkit.engine)", 1)
	}
	return said
}

// needsContainers tells whether the worker starts only where an engine of containers answers.
func needsContainers(c config.Config) bool {
	of, _ := setting(c.WorkerConfig, "workerkit").(map[string]any)
	d2g, _ := setting(c.WorkerConfig, "d2gConfig").(map[string]any)
	return setting(of, "engine") == "container" || setting(d2g, "enableD2G") == true ||
		setting(d2g, "enableD2G") == nil && setting(c.WorkerConfig, "enableD2G") == true // of older releases
}

// engineWithin is how long an engine of containers may take to answer.
const engineWithin = 10 * time.Second

// containers looks for the engine of containers, where the worker needs one.
func (e *examination) containers(ctx context.Context) []Finding {
	const check = "containers"
	if e.patient.Config.Worker.Implementation != config.GenericWorker || !needsContainers(e.patient.Config) {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, engineWithin)
	defer done()
	name, err := e.deps.Containers(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return []Finding{{
			Check: check, Result: Fail, Detail: "the engine of containers does not answer within " + engineWithin.String(),
			Next: "look at it with docker info, or podman info; " + whoseHost,
		}}
	case err != nil:
		return []Finding{{
			Check: check, Result: Fail, Detail: withoutUser(strings.TrimPrefix(err.Error(), "docker: ")),
			Next: "without one the worker ends with exit code 73: systemctl start docker, or podman.socket; " + whoseHost,
		}}
	default:
		return []Finding{{Check: check, Result: OK, Detail: withoutUser(name) + " answers"}}
	}
}

const whoseHost = "DOCKER_HOST must be in the environment of start-worker, and is looked at here in that of doctor"
