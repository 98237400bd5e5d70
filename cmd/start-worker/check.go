package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/doctor"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/moving"
)

// asking is how the commands besides start use metadata services: people wait for them.
func asking() providers.Deps {
	return providers.Deps{
		Log:      slog.New(slog.DiscardHandler),
		Metadata: imds.New(retry.Policy{Initial: 100 * time.Millisecond, Total: 5 * time.Second}),
	}
}

// wanted is what the command line of check names; "" is for what it does not.
type wanted struct{ runner, worker, dir string }

// checked is what check has found. Nothing in it is secret.
type checked struct {
	Config   string   `json:"config,omitempty"`
	Ready    bool     `json:"ready"`
	Place    string   `json:"place,omitempty"`
	Why      string   `json:"why,omitempty"`
	Warnings []string `json:"warnings"`
	Problems []string `json:"problems"`
	// Over and Back are there when they were asked for.
	Over *moving.Report `json:"over,omitempty"`
	Back *moving.Report `json:"back,omitempty"`

	unasked bool // whether the worker was not asked what it says of its config
	all     bool // whether the differences that are the same everywhere are said too
}

// check says all that is wrong with a config, and what will differ where the public programs have
// worked.
func (p program) check(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print it for programs")
	over := flags.Bool("over", false, "say what will differ when our programs take the public ones' place")
	back := flags.Bool("back", false, "say what the public programs make of it when they come back")
	all := flags.Bool("all", false, "with these: say the differences that are the same on every machine too")
	var w wanted
	flags.StringVar(&w.worker, "worker-config", "", "with these: the worker's config is `FILE`")
	flags.StringVar(&w.dir, "dir", "", "with these: the worker works in `DIR`")
	var code int
	var ok bool
	if w.runner, code, ok = p.arguments(flags, args); !ok {
		return code
	}
	moves := *over || *back
	if !moves && (w.worker != "" || w.dir != "" || *all) {
		return p.misused("check", "--worker-config, --dir and --all are for --over and --back")
	}
	typed := w
	w, services := p.host.installed.find(w, moves)
	if moves {
		w = p.host.installed.enter(typed, w, services)
	}
	if w.runner == "" && w.worker == "" {
		return p.misused("check", "which CONFIG? No service of this machine names one, and none is at a usual place; looked at: "+
			strings.Join(moving.Places(runtime.GOOS, moves), ", "))
	}
	var c config.Config
	found := checked{all: *all, Config: w.runner, Warnings: []string{}, Problems: []string{}}
	if w.runner != "" {
		c = p.checkRunner(ctx, w.runner, &found)
	}
	if key := doctor.SigningKey(ctx, c); !moves && key.Result == doctor.Fail {
		found.Warnings = append(found.Warnings, w.runner+": workerConfig."+keyLocation+": "+key.Detail+"; "+key.Next)
	}
	if moves {
		m := p.machine(ctx, w, c, services)
		if *over {
			found.Over = new(moving.Over(m, p.told(ctx, m, len(found.Problems) == 0)...))
		}
		if *back {
			found.Back = new(moving.Back(m))
		}
	}
	found.Ready = len(found.Problems) == 0 && !blocked(found.Over) && !blocked(found.Back)
	return p.tell(found, *asJSON)
}

// tell prints what check has found; it returns the exit code.
func (p program) tell(found checked, asJSON bool) int {
	if !asJSON {
		p.say(found)
	} else if err := p.json(found); err != nil {
		return p.failed(err)
	}
	if !found.Ready {
		return 1
	}
	return 0
}

func blocked(r *moving.Report) bool { return r != nil && r.Blocked() }

// checkRunner checks the runner's config, and has the worker check what it would get.
func (p program) checkRunner(ctx context.Context, path string, found *checked) config.Config {
	c, warnings, err := config.Load(ctx, path, p.options(asking()))
	found.Warnings = append(found.Warnings, warnings...)
	if err == nil && c.Worker.Implementation == config.GenericWorker {
		var did bool
		did, err = p.checkWorker(ctx, path, c)
		found.unasked = !did
		if did && err == nil && !namesKey(c.WorkerConfig) {
			found.Warnings = append(found.Warnings, path+": workerConfig: "+keyLocation+" is not here: the pool or its secrets must have it")
		}
	}
	for _, problem := range each(err) {
		found.Problems = append(found.Problems, problem.Error())
	}
	found.Place, found.Why = c.Place.Kind.Name, c.Place.Why
	return c
}

// say prints what check has found.
func (p program) say(found checked) {
	for _, w := range found.Warnings {
		fmt.Fprintln(p.stdout, "warning:", w)
	}
	for _, problem := range found.Problems {
		fmt.Fprintln(p.stdout, "problem:", problem)
	}
	if len(found.Problems) == 0 && found.Config != "" {
		fmt.Fprintf(p.stdout, "%s is fine: %s (%s)\n", found.Config, found.Place, found.Why)
		if found.unasked && found.Over == nil {
			fmt.Fprintln(p.stdout, "the worker is not asked about workerConfig: it is not ours and would not tell")
			if found.Back == nil {
				fmt.Fprintln(p.stdout, "check --over says what will differ when ours takes its place")
			}
		}
	}
	p.moves("moving over from the public programs:", found.Over, found)
	p.moves("going back to the public programs:", found.Back, found)
}

// checkWorker has our own worker check what it would get, as far as that is known before the
// machine registers.
func (p program) checkWorker(ctx context.Context, path string, c config.Config) (asked bool, err error) {
	if c.Worker.Path == "" { // a service of Windows, whose program the runner does not know
		return false, nil
	}
	ours, err := launch.IsOurs(ctx, c.Worker.Path)
	if err != nil {
		return false, fmt.Errorf("%s: worker.path: %w", path, err)
	}
	if !ours {
		return false, nil
	}
	data, err := known(ctx, c)
	if err != nil {
		return true, err
	}
	said, err := verdict(ctx, c.Worker.Path, data)
	if err == nil && said != "" {
		err = fmt.Errorf("%s: workerConfig: the worker says: %s%s", path, said, mentioned(c.Settings, said))
	}
	return true, err
}

// verdict is what our worker says of a config: "" when it is fine.
func verdict(ctx context.Context, worker string, data []byte) (said string, err error) {
	dir, err := os.MkdirTemp("", "start-worker")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "worker.json")
	if err := private.WriteFast(file, data); err != nil {
		return "", err
	}
	ctx, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	cmd := exec.CommandContext(ctx, worker, "check", "--config", file)
	cmd.WaitDelay = time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		text := oneLine(strings.ReplaceAll(stderr.String(), file, "what it would get"))
		return cmp.Or(text, err.Error()), nil
	}
	return "", nil
}

// mentioned are the places of the keys that a text names.
func mentioned(settings []config.Setting, text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(` "';:,()`, r) })
	var places []string
	for _, s := range settings {
		if s.Path[0] != "workerConfig" && (s.Path[0] != "worker" || len(s.Path) < 3) {
			continue
		}
		key := strings.Join(s.Path[1:], ".")
		if slices.Contains(words, key) {
			places = append(places, key+" is at "+s.From)
		}
	}
	if len(places) == 0 {
		return ""
	}
	return " [" + strings.Join(places, ", ") + "]"
}

// keyLocation is the one key that a worker needs, that has no default and that a pool can give as well.
const keyLocation = "ed25519SigningKeyLocation"

// namesKey tells whether a worker's config has it, or one of its former names.
func namesKey(workerConfig map[string]any) bool {
	for key := range workerConfig {
		if strings.HasSuffix(strings.ToLower(key), "signingkeylocation") {
			return true
		}
	}
	return false
}

// known is the worker's config as far as it is known before the machine registers.
func known(ctx context.Context, c config.Config) ([]byte, error) {
	rendered := config.Merge(c.WorkerConfig)
	if !namesKey(rendered) {
		rendered[keyLocation] = "of the pool"
	}
	if kind := c.Place.Kind; !kind.Ephemeral {
		id, err := kind.New(c.Place.Values, asking()).Identify(ctx)
		if err != nil {
			return nil, err
		}
		if rendered, err = launch.Render(rendered, id, tc.Credentials{}); err != nil {
			return nil, err
		}
		delete(rendered, "clientId") // there are no credentials yet
		delete(rendered, "accessToken")
	}
	data, err := json.Marshal(rendered)
	if err != nil {
		return nil, fmt.Errorf("encode worker config: %w", err)
	}
	return data, nil
}
